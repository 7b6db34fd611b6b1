"""The report page: one HTML file with its figures inside, readable on paper, phone, light and dark screens."""

from __future__ import annotations

from pathlib import Path

from selfrec.errors import MissingExtraError, TargetError, one_line
from selfrec.report.content import sections, summary
from selfrec.report.data import ReportData

try:
    import jinja2
except ImportError as error:
    raise MissingExtraError("jinja2", "train", "writing a report") from error

_BEGINS = b"<!doctype html>"
"""What every page begins with."""

TEMPLATES = Path(__file__).parent / "templates"


def write_report(data: ReportData, path: Path) -> None:
    """Write the page. The same data gives the same bytes. TargetError when the file cannot be written, or is something
    else than a page: a table of events, named by mistake.
    """
    text = render(data)
    try:
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                if file.read(len(_BEGINS)) != _BEGINS:
                    raise TargetError(f"{path}: holds something else than a page; choose another path")
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TargetError(f"{path}: cannot be written ({one_line(error)}); choose another path") from error


def render(data: ReportData) -> str:
    """The page as HTML text."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            css=(TEMPLATES / "report.css").read_text(encoding="utf-8").strip(),
            summary=summary(data),
            sections=list(sections(data)),
        )
        + "\n"
    )


def environment() -> jinja2.Environment:
    """Templates of this folder; HTML is escaped, an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
    )

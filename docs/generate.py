"""Write the pages of docs/ that are made from the code: cli.md, options.md, hooks.md, log.md.

python docs/generate.py             write them
python docs/generate.py --check     fail when one of them is not what the code says
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import click

import selfrec.plugin
from selfrec.cli.group import COMMANDS
from selfrec.cli.log import COMMON, EVENTS
from selfrec.cli.main import cli
from selfrec.histories import Histories
from selfrec.host import hookspecs, records
from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.fitting import CandidateRows, Epoch, Fitting
from selfrec.settings.base import Settings
from selfrec.settings.help import Option, options_of
from selfrec.settings.presets import PRESETS
from selfrec.settings.tables import Config
from selfrec.settings.validation import is_table

HERE = Path(__file__).parent
MADE = "<!-- Made from the code by docs/generate.py; change it there. -->"
WIDTH = 100

HANDED = (
    "options", "batch", "batches", "row_batches", "features", "epochs", "report", "row_numbers", "lengths", "take",
    "item_counts",
)  # fmt: skip
"""Methods and properties that a trainer may use."""

FUNCTIONS = (
    "pool", "newest", "largest", "item_directions", "gram_matrix", "recent_popularity", "train_by_epochs",
    "searched",
)  # fmt: skip


def cli_page() -> str:
    """Every command's help, as the command line shows it."""
    lines = [MADE, "", "# Command line", "", *_help(cli, "selfrec")]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        lines += ["", f"## selfrec {name}", "", *_help(command, f"selfrec {name}")]
        if isinstance(command, click.Group):
            for inner, subcommand in command.commands.items():
                lines += ["", f"### selfrec {name} {inner}", "", *_help(subcommand, f"selfrec {name} {inner}")]
    return _page(lines)


def _help(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    return ["```text", *command.get_help(context).rstrip().splitlines(), "```"]


def options_page() -> str:
    """Every option of selfrec.toml, of the presets and of the shipped parts."""
    lines = [
        MADE,
        "",
        "# Options",
        "",
        "`selfrec init` writes them all, commented, into a `selfrec.toml`. The preset lies under the file, the file",
        'under `-o name=value`. The value `"none"` unsets an option that may be unset; one number is a list of one.',
        "Unknown names are errors.",
        "",
        "## Presets",
        "",
    ]
    lines += [f"- `{preset.name}`: {preset.summary}" for preset in PRESETS.values()]
    top = [option for option in options_of(Config) if "." not in option.name]
    lines += ["", "## Top level", "", *_table(top)]
    for name, field in Config.model_fields.items():
        if is_table(field.annotation):
            lines += ["", f"## [{name}]", "", *_doc(field.annotation), "", *_table(options_of(field.annotation))]
    plugins = PluginManager.load()
    for kind in get_args(Kind):
        for info, record in plugins.parts(kind):
            if info.distribution == "selfrec":
                lines += ["", f"## [{kind}.{record.name}]", "", record.summary, ""]
                lines += _table(options_of(record.options))
    return _page(lines)


def _table(options: Iterable[Option]) -> list[str]:
    rows = [
        f"| `{option.name}` | {_cell(option.type)} | `{option.default}` | {_cell(option.range)} "
        f"| {_cell(option.description)} |"
        for option in options
    ]
    return ["| option | type | default | range | meaning |", "|---|---|---|---|---|", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _doc(thing: type[Settings] | Callable[..., Any]) -> list[str]:
    return inspect.cleandoc(thing.__doc__ or "").splitlines()


def hooks_page() -> str:
    """Every hook with its signature, and the records that hooks yield."""
    lines = [
        MADE,
        "",
        "# Hooks",
        "",
        "A plugin is a module named by an entry point of the group `selfrec`. It implements one hook or more, each",
        "marked with `@selfrec.plugin.hookimpl`. Hook arguments have no defaults; an implementation may leave out",
        "arguments it does not need.",
    ]
    for name, hook in _hooks():
        lines += ["", f"## {name}", "", "```python", _signature(hook), "```", "", *_doc(hook)]
    lines += ["", "## Records", ""]
    lines += ["Frozen, made with keywords. A field without a default must be given."]
    for record in (records.PartRecord, records.FeatureExtractor, records.Generator, records.Ranker, records.Sizes):
        lines += ["", f"### {record.__name__}", "", *_doc(record)]
        fields = list(_fields(record))
        if fields:
            lines += ["", "| field | type | default | meaning |", "|---|---|---|---|", *fields]
    lines += ["", "## Methods of a part", "", "```text", *_methods(), "```", *_for_trainers()]
    return _page(lines)


def _for_trainers() -> Iterator[str]:
    """What a trainer is handed, and the functions of selfrec.plugin."""
    yield from ("", "## What a trainer is handed")
    for record in (Fitting, Epoch, CandidateRows, Histories, UserBatch):
        yield from ("", f"### {record.__name__}", "", *_doc(record))
        fields = (line for line in _fields(record) if not line.endswith("|  |"))
        yield from ("", "| field | type | default | meaning |", "|---|---|---|---|", *fields)
        for name in HANDED:
            member = vars(record).get(name)
            function = member.fget if isinstance(member, property) else member
            if function is not None:
                mark = ("@property",) if isinstance(member, property) else ()
                yield from ("", "```python", *mark, _signature(function), "```", "", *_doc(function))
    yield from ("", "## Functions of selfrec.plugin", "")
    yield "All but `searched` bring torch along: import them where they are used, so that the command line starts fast."
    for name in FUNCTIONS:
        function = getattr(selfrec.plugin, name)
        yield from ("", f"### {name}", "", "```python", _signature(function), "```", "", *_doc(function))


def log_page() -> str:
    """The events of --log-json and their fields."""
    lines = [MADE, "", "# The log", ""]
    lines += ["`fit`, `score` and `evaluate` take `--log-json FILE`. They append one line of JSON an event, at once."]
    lines += [
        "A file that cannot be appended to is an error before anything runs. Numbers that are none (NaN) are null.",
        "`--log-json -` is stderr, without progress; the line `Error:` of a job that failed stands there as well.",
    ]
    lines += ["", "Every line has:", ""]
    lines += [f"- `{name}`: {meaning}" for name, meaning in COMMON.items()]
    lines += ["", "| event | when | fields |", "|---|---|---|"]
    for name, (when, fields) in EVENTS.items():
        listed = "; ".join(f"`{field}` {meaning}" for field, meaning in fields.items())
        lines.append(f"| `{name}` | {_cell(when)} | {_cell(listed)} |")
    return _page(lines)


def _hooks() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, value in vars(hookspecs).items():
        if name.startswith("selfrec_"):
            yield name, value


def _signature(hook: Callable[..., Any]) -> str:
    """The def line as it is written, decorator and body left out."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(hook))).body
    assert isinstance(definition, ast.FunctionDef)
    returns = ast.unparse(definition.returns) if definition.returns else "None"
    return f"def {definition.name}({ast.unparse(definition.args)}) -> {returns}"


def _fields(record: type) -> Iterator[str]:
    """A dataclass's own fields with the strings that stand under them in the source."""
    (definition,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(definition, ast.ClassDef)
    for statement, following in zip(definition.body, [*definition.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign):
            continue
        kind = ast.unparse(statement.annotation)
        if kind.startswith("ClassVar"):
            continue
        meaning = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            meaning = " ".join(str(following.value.value).split())
        default = f"`{ast.unparse(statement.value)}`" if statement.value else ""
        yield f"| `{ast.unparse(statement.target)}` | `{_cell(kind)}` | {default} | {_cell(meaning)} |"


def _methods() -> list[str]:
    """The list of methods that stands in the docstring of selfrec.plugin."""
    text = inspect.cleandoc(selfrec.plugin.__doc__ or "")
    return text[text.index("A part is a") :].splitlines()


def _page(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "options.md": options_page,
    "hooks.md": hooks_page,
    "log.md": log_page,
}


def main() -> int:
    """Write the pages, or compare them; the exit code."""
    parser = argparse.ArgumentParser(description="Pages made from the code.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = HERE / name, make()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"stale: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""The model card: what the model is, what it was made from, how good it is, what it is not for, how to run it."""

from __future__ import annotations

from pathlib import Path

from selfrec.errors import TargetError, one_line
from selfrec.report.content import metric_name
from selfrec.report.data import ReportData
from selfrec.report.page import environment
from selfrec.words import plural

CARD_METRICS = ("ndcg", "recall", "precision", "hit_rate", "mrr", "map")


def write_model_card(data: ReportData, path: Path) -> None:
    """Write model_card.md. The same data gives the same bytes. TargetError when the file cannot be written."""
    text = model_card(data)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TargetError(f"{path}: cannot be written ({one_line(error)}); choose another path") from error


def model_card(data: ReportData) -> str:
    """The card as Markdown text, after the sections of Mitchell et al. 2019, "Model cards for model reporting"."""
    template = environment().get_template("model_card.md.j2")
    template.globals.update(metric_name=metric_name, cell=_cell, plural=plural, card_metrics=CARD_METRICS)
    return template.render(data=data, cleaning=data.config.get("cleaning", {})).rstrip() + "\n"


def _cell(value: object) -> str:
    """Text that does not break a Markdown table or start HTML."""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())

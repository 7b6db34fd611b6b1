"""What stands on the page: sections, tables and the first lines, worked out from the data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from selfrec.evaluation.groups import TAIL_OF_TASTE
from selfrec.evaluation.metrics import RELEVANCE
from selfrec.evaluation.result import LISTS, Evaluation, Group
from selfrec.report import curves, figures
from selfrec.report.data import POPULARITY_ALONE, ReportData, StageRow, TrialRow
from selfrec.report.figures import Panel
from selfrec.words import plural

STAGE_METRICS = ("ndcg@20", "recall@20", "coverage@20")

_METRIC_NAMES = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "gini": "Gini coefficient"}


class Cell(NamedTuple):
    """Text of a cell, a bar under it (0 to 1) and a small line below."""

    text: str
    bar: float | None = None
    note: str = ""


class Column(NamedTuple):
    """Heading of a column; numbers stand to the right, minor columns are left out on a phone."""

    name: str
    number: bool = True
    minor: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Line, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    id: str
    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    panels: tuple[Panel, ...] = ()
    code_title: str = ""
    code: str = ""


class Fact(NamedTuple):
    """A figure at the top of the page."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Summary:
    """The first lines of the page."""

    lead: str
    facts: list[Fact] = field(default_factory=list)


def metric_name(name: str) -> str:
    """ "ndcg@20" -> "NDCG@20", "hit_rate@20" -> "Hit rate@20"."""
    metric, at, k = name.partition("@")
    return _METRIC_NAMES.get(metric, metric.replace("_", " ").capitalize()) + at + k


def summary(data: ReportData) -> Summary:
    """One sentence and a few figures."""
    exported = next((stage for stage in data.stages if stage.exported), None)
    popularity = next((stage for stage in data.stages if stage.name == "popularity"), None)
    facts = [
        Fact(name.capitalize(), f"{value:,}", _in_catalog(data) if name == "items" else "")
        for name in ("rows", "users", "items")
        if isinstance(value := data.fingerprint.get(name), int)
    ]
    if data.evaluation is not None:
        k = data.evaluation.main_cutoff
        ours, theirs = (
            group[f"ndcg@{k}"] for group in (data.evaluation.overall.model, data.evaluation.overall.popularity)
        )
        facts += [
            Fact(f"NDCG@{k}, test part", f"{ours:.4f}", f"popularity {theirs:.4f}"),
            Fact(f"Coverage@{k}", _percent(data.evaluation.lists[f"coverage@{k}"]), "of the catalog recommended"),
        ]
    return Summary(_lead(data, exported, popularity), facts)


def _percent(share: float) -> str:
    """Coverage of a large catalog is often below one per cent, and not 0."""
    return f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%"


def _in_catalog(data: ReportData) -> str:
    """Cleaning keeps rare items out of the catalog, which all other figures of the page are about."""
    return "" if data.item_popularity is None else f"{data.item_popularity.items:,} in the catalog"


def _lead(data: ReportData, exported: StageRow | None, popularity: StageRow | None) -> str:
    first, last = (str(data.fingerprint.get(end) or "")[:10] for end in ("first", "last"))
    span = f", {first} to {last}".replace("-", "\u2011") if first and last else ""
    name = "A recommender" if exported is None else f"The exported pipeline is \u201c{exported.name}\u201d"
    lead = f"{name}, made from {plural(data.fingerprint.get('rows', 0), 'event')}{span}."
    if data.parts == (POPULARITY_ALONE,):
        lead += " Nothing was better on the validation part, so its lists are those of the most popular items."
    elif data.evaluation is not None:
        k = data.evaluation.main_cutoff
        difference = data.evaluation.overall.difference[f"ndcg@{k}"]
        found = f"NDCG@{k} {_signed(difference.mean)}"
        # No evidence of a difference is none that there is no difference.
        told = "cannot be told from"
        if difference.low is None or difference.high is None:
            found += ", of one user"
        else:
            found += f", 95% interval {_signed(difference.low)} to {_signed(difference.high)}"
            told = "are better than" if difference.low > 0 else "are worse than" if difference.high < 0 else told
        lead += f" On the test part its lists {told} lists of the most popular items ({found})."
    elif exported is not None and popularity is not None:
        ours, theirs = exported.metrics.get("ndcg@20"), popularity.metrics.get("ndcg@20")
        if ours is not None and theirs is not None:
            lead += f" On the validation part its NDCG@20 is {ours:.4f}, that of popularity {theirs:.4f}."
    return lead


def sections(data: ReportData) -> Iterable[Section]:
    """The sections that the data has something for, in order."""
    if data.stages:
        text = _STAGES_TEXT + _REFIT_TEXT[data.refitted]
        if data.parts:
            text += f" In the graph: {', '.join(data.parts)}."
        yield Section("stages", "Stages", text, (_stage_table(data.stages),))
    if data.trials:
        yield Section("search", "Search for options", _SEARCH_TEXT, (_trial_table(data.trials),))
    if data.evaluation is not None:
        text, tables = (
            _test_text(data, data.evaluation),
            tuple(_evaluation_tables(data.evaluation, decayed=_decayed(data))),
        )
        yield Section("test", "Test", text, tables, tuple(figures.cutoffs(data.evaluation)))
    yield from _data_sections(data)
    drawn = tuple(panel for curve in data.curves for panel in curves.panels(curve))
    if drawn:
        yield Section("training", "Training", "What each part reported in each pass over the training rows.", (), drawn)
    drawn = () if data.reconstruction is None else (figures.reconstruction(data.reconstruction),)
    if drawn:
        text = "Scores the autoencoder gives back for items that stand in a history, and for all others."
        yield Section("reconstruction", "Reconstructed histories", text, (), drawn)
    for generated in data.generated:
        yield Section(
            f"generated-{_slug(generated.name)}",
            f"Generated histories: {generated.name}",
            "What the generator would have people like, against what the same people chose."
            + (_ALIKE if len(generated.labels) > 1 else ""),
            (),
            (figures.generated_curve(generated), figures.generated_items(generated)),
        )
    settings = json.dumps(data.config, indent=2, ensure_ascii=False, default=str)
    yield Section(
        "settings",
        "Settings and data",
        "",
        (_fingerprint_table(data.fingerprint),),
        (),
        "Resolved configuration",
        settings,
    )


def _data_sections(data: ReportData) -> Iterable[Section]:
    tables = []
    if data.cleaning:
        first = data.cleaning[0].rows_before
        rows = tuple(
            Line(
                (
                    Cell(row.rule, note=row.note),
                    Cell(f"{row.rows_before:,}"),
                    Cell(f"{row.rows_dropped:,}"),
                    _barred(f"{(left := row.rows_before - row.rows_dropped):,}", left / max(1, first)),
                )
            )
            for row in data.cleaning
        )
        columns = (Column("Rule", False), Column("Rows before", minor=True), Column("Dropped"), Column("Left"))
        tables.append(Table("What preprocessing dropped", columns, rows))
    if data.splits:
        total = sum(part.rows for part in data.splits)
        rows = tuple(
            Line((Cell(part.name), Cell(f"{part.users:,}"), _barred(f"{part.rows:,}", part.rows / max(1, total))))
            for part in data.splits
        )
        name = f"The split: {data.split}" if data.split else "The split"
        tables.append(Table(name, (Column("Part", False), Column("Users"), Column("Rows")), rows))
    panels = []
    if data.history_lengths is not None:
        panels.append(figures.history_lengths(data.history_lengths))
    if data.item_popularity is not None:
        panels.append(figures.item_popularity(data.item_popularity))
    if tables or panels:
        yield Section("data", "Data", "", tuple(tables), tuple(panels))


_ALIKE = (
    " All of this is the same for these: they may still differ in how much a user's scores count beside other parts'."
)

_STAGES_TEXT = (
    "Each line tries one part more beside those kept by then, measured on the validation part. A part is kept where it "
    "raises NDCG@20 by more than one standard error of the users' differences (the first one unless it lowers it by as "
    "much), or where the settings ask for it. The marked line is the pipeline in the graph; another may stand higher "
    "by chance."
)


_REFIT_TEXT = {
    None: "",
    True: " Then it was trained once more, on the validation rows too.",
    False: " It was not trained again: its parts have not seen the validation rows.",
}


def _stage_table(stages: tuple[StageRow, ...]) -> Table:
    names = [name for name in STAGE_METRICS if any(name in stage.metrics for stage in stages)]
    names += sorted({name for stage in stages for name in stage.metrics} - set(names))
    tops = {name: max((stage.metrics.get(name) or 0.0 for stage in stages), default=0.0) for name in names}
    rows = []
    for stage in stages:
        cells = [Cell(stage.name, note="exported" if stage.exported else "")]
        for name in names:
            value = stage.metrics.get(name)
            cells.append(
                Cell("") if value is None else _barred(f"{value:.4f}", value / tops[name] if tops[name] else 0)
            )
        rows.append(Line(tuple(cells), strong=stage.exported))
    columns = [Column("Stage", False), *(Column(metric_name(name)) for name in names)]
    return Table("Stages on the validation part", tuple(columns), tuple(rows))


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


_SEARCH_TEXT = (
    "Pipelines with other options, trained and measured on the validation part before this model was fitted. The "
    "options as they stood are left only for a trial that beats them by more than one standard error."
)


def _trial_table(trials: tuple[TrialRow, ...]) -> Table:
    names = [name for name in STAGE_METRICS if any(name in trial.metrics for trial in trials)]
    tops = {name: max((trial.metrics.get(name) or 0.0 for trial in trials), default=0.0) for name in names}
    rows = []
    for trial in trials:
        cells = [Cell(trial.options, note="chosen" if trial.chosen else "" if trial.metrics else "failed")]
        for name in names:
            value = trial.metrics.get(name)
            share = value / tops[name] if value is not None and tops[name] else 0
            cells.append(Cell("") if value is None else _barred(f"{value:.4f}", share))
        cells.append(Cell("" if trial.seconds is None else _time(trial.seconds)))
        rows.append(Line(tuple(cells), strong=trial.chosen))
    columns = (Column("Options", False), *(Column(metric_name(name)) for name in names), Column("Time", minor=True))
    return Table("Trials on the validation part", columns, tuple(rows))


def _test_text(data: ReportData, evaluation: Evaluation) -> str:
    hidden = plural(evaluation.hidden_items, "hidden item")
    text = f"The exported graph on {plural(evaluation.users, 'test user')} and {hidden}"
    if evaluation.hidden_outside_catalog:
        share = evaluation.hidden_outside_catalog / evaluation.hidden_items
        text += f", of which {share:.1%} are not in the catalog and count as missed"
    text += "."
    if evaluation.users_skipped:
        text += f" {plural(evaluation.users_skipped, 'user')} without a hidden item left out."
    if any(group.name == TAIL_OF_TASTE for group in evaluation.groups):
        text += " The tail of taste is the tenth of the users whose history holds the least popular items on average."
    if data.popularity_in_words:
        text += f" {data.popularity_in_words}"
    return f"{text} Differences are paired by user; intervals by the normal approximation."


def _evaluation_tables(evaluation: Evaluation, *, decayed: bool) -> Iterable[Table]:
    k = evaluation.main_cutoff
    relevance = tuple(_figures(metric_name(f"{name}@{k}"), evaluation.overall, f"{name}@{k}") for name in RELEVANCE)
    lists = tuple(_list_figures(evaluation, f"{name}@{k}", decayed=decayed) for name in LISTS)
    headings = ("Metric", "Model", "Popularity", "Difference and its 95% interval")
    yield Table(f"Lists of {k} against the {k} most popular unseen items", _columns(headings), relevance + lists)
    if len(evaluation.groups) > 1:
        rows = tuple(_figures(part.name, part, f"ndcg@{k}", plural(part.users, "user")) for part in evaluation.groups)
        yield Table(f"NDCG@{k} of users apart", _columns(("Users", *headings[1:])), rows)


def _figures(name: str, group: Group, metric: str, note: str = "") -> Line:
    difference = group.difference[metric]
    interval = ""
    if difference.low is not None and difference.high is not None:
        interval = f"{_signed(difference.low)} to {_signed(difference.high)}"
    values = (f"{group.model[metric]:.4f}", f"{group.popularity[metric]:.4f}")
    return Line((Cell(name, note=note), *map(Cell, values), Cell(_signed(difference.mean), note=interval)))


def _decayed(data: ReportData) -> bool:
    """Whether the catalog's popularity counts older choices less, as it does where events have times."""
    return bool(data.fingerprint.get("first"))


def _list_figures(evaluation: Evaluation, metric: str, *, decayed: bool) -> Line:
    ours, theirs = evaluation.lists[metric], evaluation.popularity_lists[metric]
    users = metric.startswith("mean_popularity")
    digits = 1 if users else 4
    values = (f"{ours:,.{digits}f}", f"{theirs:,.{digits}f}", _signed(ours - theirs, digits))
    note = "users an item, older choices counting less" if decayed else "users an item"
    return Line((Cell(metric_name(metric), note=note if users else ""), *map(Cell, values)))


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, number=at > 0) for at, name in enumerate(names))


def _signed(value: float, digits: int = 4) -> str:
    """The value with its sign, and a minus as long as the plus."""
    return f"{value:+,.{digits}f}".replace("-", "\u2212")


def _fingerprint_table(fingerprint: dict[str, Any]) -> Table:
    rows = tuple(
        Line((Cell(name.capitalize()), Cell(f"{value:,}" if isinstance(value, int) else str(value))))
        for name, value in fingerprint.items()
        if value is not None
    )
    return Table("Fingerprint of the data", (Column("", False), Column("", False)), rows)


def _barred(text: str, share: float) -> Cell:
    return Cell(text, bar=min(1.0, max(0.0, share)))


def _slug(label: str) -> str:
    """The label as part of an id, which holds no spaces."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")

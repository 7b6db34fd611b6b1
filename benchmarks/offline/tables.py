"""Records as Markdown: a summary the size of a README, and a table a protocol with everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

from benchmarks.offline.protocols import Protocol
from benchmarks.offline.published import PUBLISHED
from benchmarks.offline.records import Record
from selfrec.evaluation.evaluate import paired_difference
from selfrec.evaluation.groups import ALL_USERS, SHORT_HISTORY, TAIL_OF_TASTE

DEFAULT = "default"
"""The preset that all are compared with."""

_SUMMARY_PRESETS = ("fast", DEFAULT)


class Runs(NamedTuple):
    """The records of one model on one protocol, by seed."""

    model: str
    by_seed: dict[int, Record]

    @property
    def first(self) -> Record:
        """Of the lowest seed."""
        return self.by_seed[min(self.by_seed)]

    @property
    def done(self) -> list[Record]:
        """Those with figures."""
        return [record for record in self.by_seed.values() if record.left_out is None]

    def mean(self, metric: str, group: str = ALL_USERS) -> float | None:
        """Mean over the seeds; None without figures."""
        values = self._values(metric, group)
        return fmean(values) if values else None

    def spread(self, metric: str, group: str = ALL_USERS) -> float | None:
        """Standard deviation over the seeds (n - 1); None for fewer than two."""
        values = self._values(metric, group)
        return stdev(values) if len(values) > 1 else None

    def _values(self, metric: str, group: str) -> list[float]:
        return [
            record.groups[group].metrics[metric]
            for record in self.done
            if group in record.groups and metric in record.groups[group].metrics
        ]


class Interval(NamedTuple):
    """A paired difference of NDCG@20."""

    mean: float
    half: float | None

    @property
    def text(self) -> str:
        """With its sign and interval; bold where the interval leaves out 0."""
        if self.half is None:
            return f"{self.mean:+.4f}"
        text = f"{self.mean:+.4f} ± {self.half:.4f}"
        return f"**{text}**" if abs(self.mean) > self.half else text


def difference(model: Runs, other: Runs, group: str = ALL_USERS) -> Interval | None:
    """NDCG@20 of `model` - `other`, paired by user, over the seeds that both have on the same rows.

    The seeds share users or draw them from the same ones, so they do not narrow the interval: its half width is
    the mean of the seeds' own.
    """
    means, halves = [], []
    for seed in sorted(model.by_seed.keys() & other.by_seed.keys()):
        ours, theirs = model.by_seed[seed], other.by_seed[seed]
        if ours.data != theirs.data or group not in ours.groups or group not in theirs.groups:
            continue
        found = paired_difference(np.array(ours.groups[group].ndcg), np.array(theirs.groups[group].ndcg))
        means.append(found.mean)
        if found.high is not None:
            halves.append(found.high - found.mean)
    if not means:
        return None
    return Interval(fmean(means), fmean(halves) if len(halves) == len(means) else None)


def runs_of(protocol: Protocol, found: Iterable[Record]) -> list[Runs]:
    """Baselines first, then presets, as they were declared."""
    grouped: dict[str, dict[int, Record]] = {}
    for record in found:
        if record.protocol == protocol.name:
            grouped.setdefault(record.model, {})[record.seed] = record
    runs = [Runs(model, dict(sorted(by_seed.items()))) for model, by_seed in grouped.items()]
    order = {name: at for at, name in enumerate(_ORDER)}
    return sorted(runs, key=lambda run: (run.first.kind, order.get(run.model, len(order)), run.model))


_ORDER = ("popularity", "recent", "itemknn", "ials", "ease", "edlae", "classic", "fast", DEFAULT, "full")


def summary_table(protocols: Sequence[Protocol], found: Sequence[Record]) -> str:
    """One line a protocol: its last two metrics for every baseline, `fast` and `default`, and the difference between
    `default` and the baseline with the highest NDCG@20 on the test part, whichever it is.
    """
    table = {protocol.name: {run.model: run for run in runs_of(protocol, found)} for protocol in protocols}
    present = {name: _title(run) for runs in table.values() for name, run in runs.items()}
    baselines = {run.model for runs in table.values() for run in runs.values() if run.first.kind == "baseline"}
    columns = [name for name in _ORDER if name in present and (name in baselines or name in _SUMMARY_PRESETS)]
    columns += sorted(baselines - set(columns))
    lines = []
    for protocol in protocols:
        runs = table[protocol.name]
        if runs:
            cells = [_pair(runs.get(name), protocol.shown[-2:]) for name in columns]
            against = [runs[name] for name in columns if name in baselines and name in runs]
            lines.append(
                [protocol.title, _metric_names(protocol.shown[-2:]), *cells, _best(runs.get(DEFAULT), against)]
            )
    titles = [present[name] for name in columns]
    heading = ["data, split", "metrics", *titles, "NDCG@20 of `default` - that of the best baseline"]
    return _markdown(heading, lines, left=2)


def _pair(run: Runs | None, metrics: Sequence[str]) -> str:
    values = [] if run is None else [run.mean(metric) for metric in metrics]
    if run is not None and not run.done:
        return "too large"
    return " / ".join(_short(value) for value in values) if values else ""


def _best(default: Runs | None, baselines: Sequence[Runs]) -> str:
    measured = [run for run in baselines if run.done]
    if default is None or not measured:
        return ""
    best = max(measured, key=lambda run: run.mean("ndcg@20") or 0.0)
    found = difference(default, best)
    return "" if found is None else f"{found.text} ({_title(best)})"


def full_tables(protocols: Sequence[Protocol], found: Sequence[Record]) -> str:
    """A section a protocol: every model with everything, the options that were chosen, what others printed."""
    sections = [_LEGEND]
    for protocol in protocols:
        runs = runs_of(protocol, found)
        if runs:
            sections += _section(protocol, runs)
    return "\n".join(sections)


_LEGEND = f"""# Accuracy

Means over the seeds, ± their standard deviation. All items are ranked, seen items left out. Baselines and presets read
the same rows and are asked for the same users. A baseline's options are chosen by NDCG@20 on the validation part, then
it is fitted again with that part; the fit of a preset does all of this by itself, and exports and checks the graph.
`CPU s` is the processor time of the fit; `us a user` the time from histories in memory to lists of 100. Differences are
of NDCG@20 to the preset `{DEFAULT}`, paired by user, with 95 % intervals; bold where the interval leaves out 0. The
tail of taste is the tenth of the users with a history whose items are, on average, farthest down the catalog by
popularity.
"""


def _section(protocol: Protocol, runs: Sequence[Runs]) -> list[str]:
    first = next((run.done[0] for run in runs if run.done), runs[0].first)
    users = first.groups[ALL_USERS].users if first.groups else 0
    counts = f"{first.training_users:,} training users, {first.items:,} items, {first.training_slots:,} pairs; "
    lines = [f"## {protocol.title}", "", f"{protocol.note} {counts}{users:,} test users.".strip(), ""]
    default = next((run for run in runs if run.model == DEFAULT), None)
    apart = [group for group in (SHORT_HISTORY, TAIL_OF_TASTE) if group in first.groups]
    headings = [
        "model",
        "seeds",
        *(_metric_name(name) for name in protocol.shown),
        f"{_metric_name('ndcg@20')} - `{DEFAULT}`",
        "coverage@20",
        *(f"NDCG@20, {group} ({first.groups[group].users:,})" for group in apart),
        "search s",
        "fit s",
        "CPU s",
        "us a user",
    ]
    rows = [_row(protocol, run, default, apart) for run in runs]
    rows += [_printed_row(protocol, at, len(headings)) for at in range(len(PUBLISHED.get(protocol.name, ())))]
    lines += [_markdown(headings, rows, left=1)]
    lines += [f"- {text}" for text in (_chosen(run) for run in runs) if text]
    return [*lines, ""]


def _row(protocol: Protocol, run: Runs, default: Runs | None, apart: Sequence[str]) -> list[str]:
    if not run.done:
        return [_title(run), "", run.first.left_out or ""]
    against = None if default is None or run.model == DEFAULT else difference(run, default)
    # A record without a search does not mean it took no time: a preset searches inside its fit.
    searched = run.first.kind == "baseline" and bool(run.done[0].trials)
    return [
        _title(run),
        str(len(run.done)),
        *(_long(run.mean(name), run.spread(name)) for name in protocol.shown),
        "" if against is None else against.text,
        _short(fmean(record.lists["coverage@20"] for record in run.done)),
        *(_apart(run, default, group) for group in apart),
        _seconds(fmean(record.search_seconds for record in run.done)) if searched else "",
        _seconds(fmean(record.fit_seconds for record in run.done)),
        _seconds(fmean(record.fit_cpu_seconds for record in run.done)),
        f"{fmean(record.microseconds_per_user for record in run.done):,.0f}",
    ]


def _apart(run: Runs, default: Runs | None, group: str) -> str:
    value = run.mean("ndcg@20", group)
    if value is None:
        return ""
    against = None if default is None or run.model == DEFAULT else difference(run, default, group)
    return f"{value:.4f}" if against is None else f"{value:.4f} ({against.text})"


def _printed_row(protocol: Protocol, at: int, width: int) -> list[str]:
    printed = PUBLISHED[protocol.name][at]
    cells = [f"{printed.model}, width {printed.width}, as printed", ""]
    cells += [_long(printed.metrics.get(name), None) for name in protocol.shown]
    return cells + [""] * (width - len(cells))


def _chosen(run: Runs) -> str:
    """What each seed chose on the validation part."""
    if not run.done:
        return ""
    told: dict[str, list[str]] = {}
    for record in run.done:
        options = ", ".join(f"{name} {value}" for name, value in record.options.items())
        stage = next((str(stage["name"]) for stage in record.stages if stage["exported"]), "")
        what = options or (f"exports the stage {stage!r}" if stage else "")
        if what:
            told.setdefault(what, []).append(str(record.seed))
    return (
        f"{_title(run)}: " + "; ".join(f"{what} (seed {', '.join(seeds)})" for what, seeds in told.items())
        if told
        else ""
    )


def _title(run: Runs) -> str:
    """A preset as one types it, a baseline as it was called last."""
    return f"`{run.model}`" if run.first.kind == "preset" else run.by_seed[max(run.by_seed)].title


def _metric_name(name: str) -> str:
    metric, at, k = name.partition("@")
    return {"ndcg": "NDCG", "capped_recall": "Capped recall"}.get(metric, metric.capitalize()) + at + k


def _metric_names(names: Sequence[str]) -> str:
    return " / ".join(map(_metric_name, names))


def _short(value: float | None) -> str:
    """.123, as the field prints it."""
    return "" if value is None else f"{value:.3f}".removeprefix("0")


def _long(value: float | None, spread: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if spread is None else f"{value:.4f} ± {spread:.4f}"


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A table; the first `left` columns stand to the left, the others to the right. Short rows are filled up."""
    rule = ["---" if at < left else "---:" for at in range(len(headings))]
    filled = [[*row, *[""] * (len(headings) - len(row))] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (headings, rule, *filled))

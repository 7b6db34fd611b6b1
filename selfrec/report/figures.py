"""The figures of a report: each a panel with a title that says what one sees, axes with units, direct labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from selfrec.evaluation.result import Evaluation
from selfrec.report.data import Generated, Histogram, HistoryLengths, PopularityCurve, Reconstruction
from selfrec.report.style import BLUE, GRID, INK, MUTED, ORANGE, figure, to_svg
from selfrec.words import all_of, plural

_MOST_LETTERS = 50
"""Letters that stand side by side under all bars of a figure."""


@dataclass(frozen=True)
class Panel:
    """A figure on the page."""

    title: str
    """What one sees, in one sentence."""
    svg: str
    """The <svg> element."""
    note: str = ""
    """How to read it."""


def history_lengths(data: HistoryLengths) -> Panel:
    """Users by number of items."""
    title = f"Half of the users have {plural(round(data.median), 'item')} or fewer"
    edges, counts = data.histogram.edges, data.histogram.counts
    names = _side_by_side([_span(int(low), int(high) - 1) for low, high in pairwise(edges)])
    with figure("history-lengths", 3.3) as (drawn, (ax,)):
        ax.bar(range(len(counts)), counts, width=0.84, color=BLUE)
        most = max(counts)
        for at, count in enumerate(counts):
            ax.annotate(_short(count), (at, count), (0, 3), textcoords="offset points", ha="center", color=INK, size=10)
        ax.set_xticks(range(len(counts)), names)
        ax.tick_params(axis="x", length=0, labelsize=10 if len(counts) <= 9 else 9)
        ax.set_ylim(0, most * 1.1)
        ax.set_yticks([])
        ax.grid(visible=False)
        ax.set_xlabel("items in the history")
        ax.set_ylabel("users")
        svg = to_svg(drawn, f"Bar chart of users by number of items. {title}.")
    doubled = all(high == max(1, 2 * low) for low, high in pairwise(edges))
    steps = "Lengths double from bar to bar" if doubled else "Lengths double, and bars of few users are joined"
    return Panel(title, svg, f"{plural(data.users, 'user')}, {data.mean:,.1f} items on average. {steps}.")


def item_popularity(data: PopularityCurve) -> Panel:
    """Users per item, most popular first."""
    title = f"The most popular tenth of the items takes {data.head_share:.0%} of all choices"
    with figure("item-popularity", 3.3) as (drawn, (ax,)):
        head = max(1, round(data.items / 10))
        ax.axvspan(1, head, color=BLUE, alpha=0.1, linewidth=0)
        ax.plot(data.ranks, data.users, color=BLUE)
        _log(ax, "x", data.ranks)
        _log(ax, "y", data.users)
        ax.set_xlim(1, max(data.items, 2))
        ax.text(1.15, 0.04, "top tenth", transform=ax.get_xaxis_transform(), color=MUTED, size=10)
        ax.set_xlabel("items, most popular first (rank)")
        ax.set_ylabel("users")
        svg = to_svg(drawn, f"Users per item against popularity rank, both on log scales. {title}.")
    return Panel(title, svg, f"{plural(data.items, 'item')} of the catalog; both axes on log scales.")


def cutoffs(data: Evaluation) -> list[Panel]:
    """NDCG and recall by list length, model against popularity; none when there is one length only."""
    if len(data.cutoffs) < 2:
        return []
    return [_by_cutoff(data, metric, name) for metric, name in (("ndcg", "NDCG"), ("recall", "Recall"))]


def _by_cutoff(data: Evaluation, metric: str, name: str) -> Panel:
    ks = data.cutoffs
    ours, theirs = ([part[f"{metric}@{k}"] for k in ks] for part in (data.overall.model, data.overall.popularity))
    at = ks.index(data.main_cutoff)
    title = f"{name}@{ks[at]} is {_compared(ours[at], theirs[at])}"
    with figure(f"cutoffs-{metric}", 3.0) as (drawn, (ax,)):
        ax.plot(ks, ours, color=BLUE, marker="o", markersize=5)
        ax.plot(ks, theirs, color=ORANGE, marker="s", markersize=4.5)
        ax.set_xscale("log")
        ax.set_xticks(ks, [str(k) for k in ks])
        ax.set_xticks([], minor=True)
        ax.set_ylim(0, max(*ours, *theirs, 1e-9) * 1.08)
        name_ends(ax, ks[-1], [("model", ours[-1], BLUE), ("popularity", theirs[-1], ORANGE)])
        ax.set_xlabel("k, length of the list (items)")
        ax.set_ylabel(f"{name}@k, mean over users")
        svg = to_svg(drawn, f"{name} by list length, model and popularity. {title}.")
    ranked = f"{all_of(data.items, 'item')} {'is' if data.items == 1 else 'are'} ranked"
    return Panel(title, svg, f"{plural(data.users, 'test user')}; {ranked}.")


def reconstruction(data: Reconstruction) -> Panel:
    """Scores of items in a history against all others."""
    title = f"An item of the history scores above another item {data.separation:.0%} of the time"
    with figure("reconstruction", 3.3) as (drawn, (ax,)):
        for histogram, colour in ((data.other, ORANGE), (data.own, BLUE)):
            ax.stairs(histogram.counts, histogram.edges, fill=True, color=colour, alpha=0.25)
            ax.stairs(histogram.counts, histogram.edges, color=colour, linewidth=1.6)
        _label_peaks(ax, [("all other items", data.other, ORANGE), ("items of the history", data.own, BLUE)])
        ax.set_xlim(data.own.edges[0], data.own.edges[-1])
        ax.set_ylim(0, max(*data.own.counts, *data.other.counts) * 1.15)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set_xlabel("reconstructed score")
        ax.set_ylabel("share of items a bin")
        svg = to_svg(drawn, f"Two histograms of reconstructed scores. {title}.")
    sample = f"A sample of {plural(data.users, 'user')}"
    return Panel(title, svg, f"{sample}; the share is the mean area under the ROC curve.")


def generated_curve(data: Generated) -> Panel:
    """Popularity curve of generated lists beside that of real histories."""
    ratio = data.only_real / max(1, sum(map(sum, data.items[1:])))
    title = f"Generated lists leave out {ratio:.0%} of the items that the same users' histories hold"
    with figure(f"generated-curve-{data.name}", 4.2) as (drawn, (ax,)):
        for values, colour in ((data.real, ORANGE), (data.generated, BLUE)):
            shown = [(rank, value) for rank, value in zip(data.ranks, values, strict=True) if value > 0]
            ax.plot(*zip(*shown, strict=True), color=colour)
        _log(ax, "x", data.ranks)
        _log(ax, "y", [*data.real, *data.generated])
        ax.set_xlim(1, max(data.ranks[-1], 2))
        _label_tail(ax)
        ax.set_xlabel("items, each curve by its own popularity (rank)")
        ax.set_ylabel("users an item")
        svg = to_svg(drawn, f"Popularity curves of real and generated histories. {title}.")
    users = plural(data.users, "user")
    note = f"{users}; a generated list is as long as the user's history. Log scales; zeros not drawn."
    return Panel(title, svg, note)


def generated_items(data: Generated) -> Panel:
    """Real against generated counts item by item."""
    title = (
        "Item by item, generated and real histories"
        if data.correlation is None
        else f"Item by item, generated and real counts agree with a rank correlation of {data.correlation:.2f}"
    )
    most = max(max(row) for row in data.items)
    bins = len(data.edges) - 1
    with figure(f"generated-items-{data.name}", 4.2) as (drawn, (ax,)):
        ax.plot([0, bins], [0, bins], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        ax.add_collection(_cells(data.items, most), autolim=False)
        ticks = _count_ticks(data.edges)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks([at + 0.5 for at, _ in ticks], [name for _, name in ticks])
        ax.set_xlim(0, bins)
        ax.set_ylim(0, bins)
        ax.set_aspect("equal")
        ax.set_xlabel("users with the item in their history")
        ax.set_ylabel("users with it in the generated list")
        svg = to_svg(drawn, f"Real against generated counts per item. {title}.")
    note = "The stronger the colour, the more items (log scale). Above the dashed line items are generated too often."
    return Panel(title, svg, note)


def _compared(ours: float, theirs: float) -> str:
    if theirs <= 0:
        return f"{ours:.3f}, popularity's {theirs:.3f}"
    if ours >= 2 * theirs:
        return f"{ours / theirs:.1f} times that of popularity"
    return f"{abs(ours / theirs - 1):.0%} {'above' if ours >= theirs else 'below'} that of popularity"


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}\u2013{high:,}"


def _side_by_side(names: list[str]) -> list[str]:
    """Labels under bars: in two lines those that would run into their neighbours."""
    most = _MOST_LETTERS // max(1, len(names))
    return [name.replace("\u2013", "\u2013\n") if len(name) > most else name for name in names]


def _short(count: float) -> str:
    if count >= 1e6:
        return f"{count / 1e6:.1f}M"
    return f"{count / 1e3:.1f}k" if count >= 1e4 else f"{count:,.0f}"


def _log(ax: Any, which: str, values: Sequence[float]) -> None:
    """Log scale over these positive values with plain numbers at the powers of ten."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    ax.set(**{f"{which}scale": "log"})
    axis = {"x": ax.xaxis, "y": ax.yaxis}[which]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(max(high, low * 1.001)))
    powers = [10.0**power for power in range(first, last + 1)]
    shown = [power for power in powers if low * 0.95 <= power <= high * 1.05] or [low, high]
    axis.set_ticks(shown, [f"{power:,.0f}" if power >= 1 else f"{power:g}" for power in shown])
    axis.set_ticks([], minor=True)


def name_ends(ax: Any, x: float, ends: Sequence[tuple[str, float, str]]) -> None:
    """Names (name, value, colour) right of the lines' ends at x, moved apart where they would touch.

    Call it when the limits of the y axis are final.
    """
    low, high = ax.get_ylim()
    gap = (high - low) * 0.085
    place = -math.inf
    for name, value, colour in sorted(ends, key=lambda end: end[1]):
        place = max(value, place + gap)
        ax.annotate(
            name, (x, place), (8, 0), textcoords="offset points", va="center", color=colour, annotation_clip=False
        )


def _label_peaks(ax: Any, named: Sequence[tuple[str, Histogram, str]]) -> None:
    for name, histogram, colour in named:
        peak = max(range(len(histogram.counts)), key=lambda at: histogram.counts[at])
        middle = (histogram.edges[peak] + histogram.edges[peak + 1]) / 2
        right = peak > len(histogram.counts) / 2
        ax.annotate(
            name, (middle, histogram.counts[peak]), (-8 if right else 8, 0), textcoords="offset points",
            ha="right" if right else "left", va="bottom", color=colour,
        )  # fmt: skip


def _label_tail(ax: Any) -> None:
    """Names in the corners where the curves are farthest apart: legend-like, but in the curves' colours."""
    for name, colour, line in (("real histories", ORANGE, 0), ("generated lists", BLUE, 1)):
        ax.annotate(
            name, (0, 0), (10, 12 + 16 * (1 - line)), xycoords="axes fraction", textcoords="offset points", color=colour
        )


def _cells(counts: Sequence[Sequence[int]], most: int) -> Any:
    """A square for every count but 0, in one piece: as squares of their own they take half of a report's time."""
    from matplotlib.collections import PolyCollection

    squares, colours = [], []
    for x, column in enumerate(counts):
        for y, count in enumerate(column):
            if count:
                squares.append([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)])
                colours.append((BLUE, round(0.15 + 0.85 * math.log1p(count) / math.log1p(most), 2)))
    cells = PolyCollection(squares, facecolors=colours, edgecolors=GRID, linewidths=0.4)
    cells.set_in_layout(False)
    return cells


def _count_ticks(edges: Sequence[float]) -> list[tuple[int, str]]:
    """(bin, name) of 0 and of the bins that hold 1, 3, 10, 30, 100, ..."""
    wanted = [0.0] + [lead * 10.0**power for power in range(7) for lead in (1, 3)]
    ticks: dict[int, str] = {}
    for value in wanted:
        for at, (low, high) in enumerate(pairwise(edges)):
            if low < value < high and not any(abs(at - other) < 2 for other in list(ticks)[1:]):
                ticks[at] = f"{value:,.0f}"
    return sorted(ticks.items())

"""Figures of training: losses, validation metrics and, for adversarial parts, the discriminator's accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selfrec.report.data import Curve
from selfrec.report.figures import Panel, name_ends
from selfrec.report.style import BLUE, GREEN, MUTED, ORANGE, PINK, figure, to_svg

ADVERSARIAL_LOSSES = ("generator_loss", "discriminator_loss")
ACCURACIES = ("accuracy_real", "accuracy_generated")
VALIDATION = ("ndcg@20", "recall@20")

_NAMES = {
    "generator_loss": "generator",
    "discriminator_loss": "discriminator",
    "accuracy_real": "real rows",
    "accuracy_generated": "generated rows",
    "ndcg@20": "NDCG@20",
    "recall@20": "Recall@20",
    "loss": "loss",
}
_COLOURS = (BLUE, ORANGE, GREEN, PINK)


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """Some figures of a part by epoch."""

    name: str
    figures: Sequence[str]
    title: str
    ylabel: str
    share: bool = False
    """Whether they are shares: from 0 to 100 %, with a line at half."""
    best: int = 0
    """The epoch to mark; 0: none."""
    note: str = ""
    names_at_ends: bool = True


def panels(curve: Curve) -> list[Panel]:
    """The figures of one part; none when it was trained in one pass, whose figures would be points."""
    if len(curve.epochs) < 2:
        return []
    charts: list[_Chart] = []
    if curve.has(*ADVERSARIAL_LOSSES):
        charts.append(_losses(curve))
    elif curve.has("loss"):
        charts.append(_loss(curve))
    if curve.has(*ACCURACIES):
        charts.append(_accuracy(curve))
    measured = [name for name in VALIDATION if curve.has(name)]
    if measured:
        charts.append(_validation(curve, measured))
    return [_panel(curve, chart) for chart in charts]


def _loss(curve: Curve) -> _Chart:
    values = curve.values("loss")
    known = [value for value in values if not math.isnan(value)]
    title = f"{curve.label}: training loss went from {known[0]:.4g} to {known[-1]:.4g}"
    return _Chart(name="loss", figures=["loss"], title=title, ylabel="mean loss an epoch", names_at_ends=False)


def _losses(curve: Curve) -> _Chart:
    generator, discriminator = (_last(curve.values(name)) for name in ADVERSARIAL_LOSSES)
    title = f"{curve.label}: the losses end at {generator:.3g} (generator) and {discriminator:.3g} (discriminator)"
    return _Chart(name="losses", figures=ADVERSARIAL_LOSSES, title=title, ylabel="mean loss an epoch")


def _accuracy(curve: Curve) -> _Chart:
    real, generated = (_last(curve.values(name)) for name in ACCURACIES)
    right = f"{real:.0%} of real and {generated:.0%} of generated rows"
    title = f"{curve.label}: at the end the discriminator is right on {right}"
    note = "At 50% it can only guess: generated and real rows look alike to it."
    return _Chart(
        name="accuracy", figures=ACCURACIES, title=title, ylabel="discriminator accuracy", share=True, note=note
    )


def _validation(curve: Curve, names: Sequence[str]) -> _Chart:
    values = curve.values(names[0])
    known = [at for at, value in enumerate(values, 1) if not math.isnan(value)]
    kept = curve.best_epoch if curve.best_epoch in known else 0
    best = kept or max(known, key=lambda at: values[at - 1])
    title = f"{curve.label}: {_NAMES[names[0]]} on the validation part is {values[best - 1]:.4f} at epoch {best}"
    note = "The dotted line marks the epoch that was kept." if kept else ""
    return _Chart(name="validation", figures=names, title=title, ylabel="mean over users", best=kept, note=note)


def _panel(curve: Curve, chart: _Chart) -> Panel:
    epochs = range(1, len(curve.epochs) + 1)
    with figure(f"{curve.kind}-{curve.label}-{chart.name}", 3.1) as (drawn, (ax,)):
        if chart.share:
            ax.axhline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            ax.set_ylim(-0.03, 1.03)
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        if chart.best:
            ax.axvline(chart.best, color=MUTED, linewidth=1.2, linestyle=":")
        ends: list[tuple[str, float, str]] = []
        for figure_name, colour in zip(chart.figures, _COLOURS, strict=False):
            values = curve.values(figure_name)
            marker = "o" if len(epochs) <= 30 else None
            ax.plot(epochs, values, color=colour, marker=marker, markersize=4)
            ends.append((_NAMES[figure_name], _last(values), colour))
        ax.set_xlabel("epoch")
        ax.set_ylabel(chart.ylabel)
        ax.xaxis.get_major_locator().set_params(integer=True)
        margin = max(0.5, 0.02 * len(epochs))
        ax.set_xlim(max(0.5, 1 - margin), len(epochs) + margin)
        if chart.names_at_ends:
            name_ends(ax, len(epochs), ends)
        svg = to_svg(drawn, f"Line chart by epoch. {chart.title}.")
    return Panel(chart.title, svg, chart.note)


def _last(values: Sequence[float]) -> float:
    return next((value for value in reversed(values) if not math.isnan(value)), 0.0)

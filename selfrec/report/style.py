"""How every figure looks, and its way to inline SVG whose colours and fonts the page decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

from selfrec.errors import MissingExtraError

try:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtraError("matplotlib", "train", "drawing a report") from error

# Okabe and Ito's colours, told apart by colour-blind readers too. Each is a name for a colour of the page's
# style sheet, which has a value for light and one for dark screens.
INK = "#1f2429"
MUTED = "#59636f"
GRID = "#d9dee3"
PAPER = "#fefefe"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
PINK = "#b0588f"

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAPER: "--card",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PINK: "--pink",
}

WIDTH = 5.2
"""Inches of every figure; at 72 points an inch the text is 10 to 14 px on a phone and on a wide screen."""

_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelsize": 10.5,
    "xtick.minor.size": 0,
    "ytick.color": MUTED,
    "ytick.labelsize": 10.5,
    "ytick.left": False,
    "ytick.minor.left": False,
}


@contextmanager
def figure(name: str, height: float, rows: Sequence[float] = (1,)) -> Iterator[tuple[Figure, list[Any]]]:
    """A figure of our style with axes one above the other, of these relative heights. Draw inside the `with`."""
    # The salt makes the ids inside the SVG the same on every run and different between figures of a page.
    settings: dict[Any, Any] = {**_SETTINGS, "svg.hashsalt": name}
    with rc_context(settings):
        drawn = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = drawn.subplots(len(rows), 1, squeeze=False, height_ratios=list(rows))[:, 0]
        yield drawn, list(axes)


def to_svg(drawn: Figure, label: str) -> str:
    """The figure as an <svg> element: the same text for the same figure; label is read to those who cannot see it.

    Call inside the `with figure(...)` block.
    """
    buffer = StringIO()
    # Not with savefig, which draws everything twice, the first time for the layout.
    canvas: Any = FigureCanvasSVG(drawn)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    opening = text[: text.index(">") + 1]
    box = re.search(r'viewBox="[^"]*"', opening)
    if box is None:
        raise ValueError("matplotlib wrote an SVG without a viewBox")
    links = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    new = f'<svg {links} {box.group()} role="img" aria-label="{_escaped(label)}">'
    body = text[len(opening) :]
    return new + re.sub(r"\n\s*", "\n", body).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")

"""Catalogs of the size the page is for: right, and how quick (run with -s to read it; nothing is asserted on time)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.web.conftest import Show
from tests.web.models import drawn_model, names


@pytest.mark.slow
@pytest.mark.parametrize(("n_items", "width"), [(20_000, 256), (100_000, 64)])
def test_large_catalogs(
    show: Show, tmp_path: Path, n_items: int, width: int, record_property: Callable[[str, object], None]
) -> None:
    shown = show(drawn_model(tmp_path / "model", names(n_items), width=width, top_k=100))
    history, answers, searches = [], [], []
    for number in range(11, n_items, n_items // 20):
        shown.pick_with_mouse(f"{1000 + number}")
        history.append(number)
        answers.append(float(shown.page.inner_text("#time").removeprefix("computed in ").removesuffix(" ms")))
    for text in ("l", "lamp", "blue chair 12", "zzz"):
        start = "const field = document.getElementById('search'); field.value = text; const start = performance.now();"
        end = "field.dispatchEvent(new Event('input')); field.offsetHeight; return performance.now() - start;"
        searches.append(shown.page.evaluate(f"text => {{ {start} {end} }}", text))
    shown.press("Escape")
    assert len(shown.chips()) == len(history) == 20
    shown.compare(history, 100)
    figures = {"answer p50": np.median(answers), "answer max": max(answers), "search max": max(searches)}
    for name, value in figures.items():
        record_property(name, float(value))
    print(f"N {n_items:,}, width {width}:", ", ".join(f"{name} {value:.1f} ms" for name, value in figures.items()))

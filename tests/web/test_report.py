"""The report of a fit in a real browser: readable on a phone and in the dark, nothing cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfrec.report.data import CleaningRow
from selfrec.report.page import write_report
from tests.report.sample import sample_data
from tests.web.conftest import HOW, NPM

AXE = NPM / "node_modules" / "axe-core" / "axe.min.js"
LONG = CleaningRow(
    rule="weight not finite or not above 0 (cleaning.min_users_per_item)",
    rows_before=123_456_789,
    rows_dropped=1_234_567,
    note="table 'products_of_all_countries_of_the_last_year' of shop.duckdb",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    data = sample_data()
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(data.model_copy(update={"cleaning": (*data.cleaning, LONG)}), path)
    return path.as_uri()


@pytest.mark.parametrize("width", [360, 1100])
def test_no_table_is_cut_off(chromium: Any, report: str, width: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    page.goto(report)
    wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
    assert page.evaluate(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_axe_finds_nothing(chromium: Any, report: str, scheme: str, width: int) -> None:
    if not AXE.exists():
        pytest.skip(f"no axe-core: {HOW}")
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(report)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    page.close()

"""Who cannot see, points badly, reads on a phone or in the dark: the page works for them too."""

from __future__ import annotations

from typing import Any

import pytest

from selfrec.model_folder.reading import Model
from tests.web.conftest import HOW, NPM, Show
from tests.web.models import drawn_model, names
from tests.web.shown import Shown

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
AXE = NPM / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return drawn_model(tmp_path_factory.mktemp("access") / "model", names(200))


def in_use(shown: Shown) -> Shown:
    """Something of everything on the page: chips of both kinds, a list, an open search."""
    shown.pick_with_mouse("lamp 12")
    shown.act(lambda: shown.page.click("#list .hide >> nth=0"))
    shown.type("chair")
    return shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("context", [{}, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing(show: Show, model: Model, scheme: str, context: dict[str, Any]) -> None:
    """Contrast, names, roles, structure: the rules of axe-core."""
    if not AXE.exists():
        pytest.skip(f"no axe-core: {HOW}")
    shown = in_use(show(model, color_scheme=scheme, reduced_motion="reduce", **context))
    shown.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = shown.page.evaluate("axe.run()")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert len(found["passes"]) > 20


def test_a_phone_needs_no_sideways_scrolling(show: Show, model: Model) -> None:
    shown = in_use(show(model, **PHONE))
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 360
    small = [
        button.get_attribute("aria-label")
        for button in shown.page.query_selector_all("button:visible:not(.plain)")
        if min(button.bounding_box()["height"], button.bounding_box()["width"]) < 44
    ]
    assert small == []


def test_dark_screens_get_a_dark_page(show: Show, model: Model) -> None:
    shown = show(model, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = shown.page.evaluate(background)
    shown.page.emulate_media(color_scheme="light")
    light = shown.page.evaluate(background)
    brightness = [sum(map(int, colour[4:-1].split(","))) for colour in (dark, light)]
    assert brightness[0] < 100
    assert brightness[1] > 700


def test_nothing_moves_for_who_wants_no_motion(show: Show, model: Model) -> None:
    shown = show(model, reduced_motion="reduce")
    shown.pick_with_mouse("lamp 12")
    assert shown.page.evaluate("document.getAnimations().length") == 0
    shown.page.emulate_media(reduced_motion="no-preference")
    shown.pick_with_mouse("lamp 13")
    assert shown.page.evaluate("getComputedStyle(document.querySelector('.line')).animationName") == "arrive"


def test_the_focus_is_seen(show: Show, model: Model) -> None:
    shown = in_use(show(model))
    shown.press("Escape")
    seen = set()
    for _ in range(12):
        shown.press("Tab")
        style = shown.page.evaluate(
            "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
        )
        seen.add(tuple(style))
    assert seen == {("solid", "3px")}


def test_a_screen_reader_is_told(show: Show, model: Model) -> None:
    shown = show(model)
    status = shown.page.get_by_role("status")
    shown.type("kettle")
    assert status.inner_text() == "30 found."
    shown.type("no such thing")
    assert status.inner_text() == "Nothing in the catalog has this name."
    shown.pick_with_mouse("lamp 12")
    first = shown.lines()[0].name
    assert status.inner_text().startswith("Blue lamp 12 added. New list in ")
    assert f"First: {first};" in status.inner_text()
    listbox = shown.page.locator("#search").get_attribute("aria-controls")
    assert shown.page.locator(f"#{listbox}").get_attribute("role") == "listbox"

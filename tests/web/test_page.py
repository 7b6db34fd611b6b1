"""The page in a real browser: searched, picked with mouse and keys, its lists compared with Python's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from selfrec.export.job import graph_for_page
from selfrec.model_folder.reading import Model
from selfrec.settings.export import ExportSettings
from selfrec.web.folder import write_page
from selfrec.web.runtime import Runtime
from tests.web.conftest import Show
from tests.web.models import HOSTILE, drawn_model, names

NARROW = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return drawn_model(tmp_path_factory.mktemp("page") / "model", names(200))


def test_search_pick_and_compare_with_python(show: Show, model: Model) -> None:
    shown = show(model)
    shown.compare([], 30)
    assert shown.page.inner_text("#results") == "Most chosen by everyone"
    assert shown.type("LAMP 1")[:3] == ["Red lamp 10", "Green lamp 11", "Blue lamp 12"]
    shown.pick_with_mouse("creme lamp")
    assert shown.chips() == ["Crème lamp 16"]
    assert shown.page.inner_text("#results") == "Recommended for you"
    shown.compare([16], 30)
    shown.pick_with_mouse("blanket 77")
    shown.pick_with_mouse("1003")
    assert shown.chips() == ["Crème lamp 16", "Old blanket 77", "Grey kettle 3"]
    shown.compare([16, 77, 3], 30)
    assert shown.page.inner_text("#time").endswith(" ms")


def test_keys_alone_are_enough(show: Show, model: Model) -> None:
    shown = show(model)
    field = shown.page.get_by_role("combobox", name="Search the catalog")
    shown.press("Tab", "Tab")
    assert field.evaluate("field => field === document.activeElement")
    shown.page.keyboard.type("chair")
    assert field.get_attribute("aria-expanded") == "true"
    shown.press("ArrowDown", "ArrowDown", "ArrowUp")
    assert field.get_attribute("aria-activedescendant") == "option-1"
    assert shown.page.inner_text("[role=option][aria-selected=true] .name") == "Green chair 21"
    shown.act(lambda: shown.press("Enter"))
    assert (shown.chips(), field.input_value(), field.get_attribute("aria-expanded")) == (
        ["Green chair 21"],
        "",
        "false",
    )
    shown.page.keyboard.type("vase")
    shown.press("Escape")
    assert not shown.page.is_visible("#popup")
    shown.press("Escape")
    assert field.input_value() == ""
    shown.press("Tab", "Tab")
    assert shown.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove Green chair 21"
    first = shown.lines()[0]
    shown.press("Tab")
    assert shown.page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Like: {first.name}"
    shown.act(lambda: shown.press("Enter"))
    assert shown.chips() == ["Green chair 21", first.name]
    # The focus stays at its place in the list, on the button of the item that stands there now.
    assert shown.page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Like: {shown.lines()[0].name}"
    shown.compare([21, first.number], 30)
    field.focus()
    shown.act(lambda: shown.press("Backspace"))
    assert shown.chips() == ["Green chair 21"]


def test_what_was_picked_can_be_taken_away(show: Show, model: Model) -> None:
    shown = show(model)
    for text in ("kettle 1", "lamp 12", "rug 33"):
        shown.pick_with_mouse(text)
    shown.act(lambda: shown.page.get_by_role("button", name="Remove Blue lamp 12").click())
    assert shown.chips() == ["Green kettle 1", "Grey rug 33"]
    assert shown.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove Grey rug 33"
    shown.compare([1, 33], 30)
    shown.pick_with_mouse("kettle 1")
    assert shown.chips() == ["Grey rug 33"]
    shown.act(lambda: shown.page.get_by_role("button", name="Start again").click())
    assert not shown.page.is_visible("#liked-part")
    shown.compare([], 30)


def test_what_is_not_wanted_leaves_the_list_and_comes_back(show: Show, model: Model) -> None:
    shown = show(model)
    shown.pick_with_mouse("kettle 1")
    shown.show_all()
    before = shown.lines()
    shown.act(lambda: shown.page.get_by_role("button", name=f"Not for me: {before[1].name}").click())
    shown.show_all()
    assert shown.chips("hidden") == [before[1].name]
    assert [line.number for line in shown.lines()[:29]] == [line.number for line in before if line != before[1]]
    assert before[1].name in shown.page.inner_text("#status")
    shown.act(lambda: shown.page.click("#hidden button"))
    shown.compare([1], 30)


def test_answers_that_were_overtaken_are_dropped(show: Show, model: Model) -> None:
    shown = show(model)
    shown.page.evaluate(
        """numbers => {
            const field = document.getElementById("search");
            for (const number of numbers) {
                field.value = String(1000 + number);
                field.dispatchEvent(new Event("input"));
                field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
            }
        }""",
        [7, 3, 150, 12],
    )
    shown.page.wait_for_function("document.getElementById('list').dataset.answer === '5'")
    assert [int(chip.split()[-1]) for chip in shown.chips()] == [7, 3, 150, 12]
    shown.compare([7, 3, 150, 12], 30)


def test_a_history_longer_than_the_model_reads(show: Show, tmp_path: Path) -> None:
    shown = show(drawn_model(tmp_path / "model", names(12), top_k=12, max_history=2))
    for number in (4, 0, 9):
        shown.pick_with_mouse(f" {number}")
    shown.compare([4, 0, 9], 12)
    assert len(shown.lines()) == 9
    for number in (1, 2, 3, 5, 6, 7, 8, 10, 11):
        shown.pick_with_mouse(f"{1000 + number}")
    assert shown.page.inner_text("#list") == "Nothing is left to recommend."


def test_further_inputs_of_a_graph_are_neutral(show: Show, tmp_path: Path) -> None:
    shown = show(drawn_model(tmp_path / "model", names(60), asks_more=True))
    shown.compare([], 30)
    shown.pick_with_mouse("lamp 12")
    shown.pick_with_mouse("rug 33")
    shown.compare([12, 33], 30)


def test_a_smaller_form_of_the_graph(show: Show, model: Model, tmp_path: Path) -> None:
    """Half of the items, float16, lists of 9: the browser gives what Python gives for the same graph."""
    (tmp_path / "kept.txt").write_text("\n".join(str(number) for number in range(1000, 1200, 2)))
    settings = ExportSettings(half=True, k=9, allow=str(tmp_path / "kept.txt"))
    other, _ = graph_for_page(model, settings)
    assert other is not None
    shown = show(model, other=other)
    shown.pick_with_mouse("Blue lamp 12")
    feeds = {
        "history": np.array([[6]], np.int64),
        "weights": np.ones((1, 1), np.float32),
        "exclude": np.array([[6]], np.int64),
        "item_bias": np.zeros(100, np.float32),
    }
    items, scores = onnxruntime.InferenceSession(other.content).run(["items", "scores"], feeds)
    found = shown.lines()
    assert len(found) == 9
    np.testing.assert_allclose([line.score for line in found], scores[0], rtol=1e-5, atol=1e-5)
    assert [line.number for line in found] == items[0].tolist()
    assert [line.name for line in found] == [names(200)[2 * number] for number in items[0].tolist()]


def test_hostile_names_are_text(show: Show, tmp_path: Path) -> None:
    departments = [*reversed(HOSTILE)]
    shown = show(drawn_model(tmp_path / "model", HOSTILE, top_k=12, departments=departments), viewport=NARROW)
    elements = "document.querySelectorAll('img, script, b, a').length"
    before = shown.page.evaluate(elements)
    shown.show_all()
    assert sorted(line.name for line in shown.lines()) == sorted(name.strip() for name in HOSTILE)
    for name in HOSTILE[:9]:
        shown.pick_with_mouse(name)
    assert shown.chips() == list(HOSTILE[:9])
    shown.type("w")
    assert shown.page.evaluate(elements) == before
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_network_is_out_of_reach(show: Show, model: Model) -> None:
    shown = show(model)
    loaded = len(shown.requests)
    assert {url.removeprefix(shown.address).split("?")[0] for url in shown.requests} >= {
        "items.json",
        "model.onnx",
        "onnxruntime-web.js",
        "onnxruntime-web.wasm",
    }
    shown.page.context.set_offline(True)
    shown.pick_with_mouse("lamp 12")
    shown.compare([12], 30)
    assert len(shown.requests) == loaded
    shown.page.context.set_offline(False)
    said = shown.page.evaluate("fetch('http://localhost:9/').then(() => 'answered', () => 'refused')")
    assert said == "refused"
    assert """violates the following Content Security Policy directive: "connect-src 'self'\"""" in shown.complaints[0]
    shown.complaints.clear()


def test_inline_scripts_do_not_run(show: Show, model: Model) -> None:
    shown = show(model)
    shown.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = 1';
            const button = document.createElement('button');
            button.setAttribute('onclick', 'window.ran = 1');
            document.body.append(script, button);
            button.click();
        }"""
    )
    assert shown.page.evaluate("window.ran === undefined")
    assert len(shown.complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in shown.complaints)
    shown.complaints.clear()


def test_opened_as_a_file_it_says_how_to_serve(chromium: Any, runtime: Runtime, model: Model, tmp_path: Path) -> None:
    write_page(model, tmp_path / "page", runtime)
    page = chromium.new_page()
    page.goto((tmp_path / "page" / "index.html").as_uri())
    page.wait_for_selector("#unserved", state="visible")
    assert "python -m http.server" in page.inner_text("body")
    assert not page.is_visible("#loading")
    page.close()


def test_a_folder_that_is_not_whole_says_so(show: Show, model: Model, tmp_path: Path) -> None:
    shown = show(model)
    graph = tmp_path / "page" / "model.onnx"
    written = graph.stat()
    graph.write_bytes(graph.read_bytes()[:-1])
    # Changed within the second that dates in HTTP are given to: nothing older may be shown for it.
    os.utime(graph, ns=(written.st_atime_ns, written.st_mtime_ns))
    shown.page.reload()
    shown.page.wait_for_selector("#failure", state="visible")
    assert "copy the folder again" in shown.page.inner_text("[role=alert]")
    graph.unlink()
    shown.page.reload()
    shown.page.wait_for_selector("#failure", state="visible")
    assert "the server answers 404" in shown.page.inner_text("[role=alert]")
    shown.complaints.clear()

"""search.js in the browser: what is found, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from selfrec.web import folder
from selfrec.web.serving import server
from tests.web.conftest import serving

NAMES = ["Red lamp", "Lamp, red", "Clamp", "Crème  brûlée", "lamp-shade", "Reading lamp", "ISTANBUL \u0130", "lamp",
         "Stra\u00dfe", "STRA\u1e9eE", "\u039f\u0394\u039f\u03a3"]  # fmt: skip
IDS = ["a1", "b2", "lamp", "17", "18", "171", "x", "y", "z", "u", "v"]


@pytest.fixture(scope="module")
def page(chromium: Any) -> Iterator[Any]:
    """A blank page beside search.js."""
    with server(folder.PAGE, 0) as running, serving(running):
        opened = chromium.new_page()
        # A page without the Content-Security-Policy of index.html, which nothing is needed of here.
        opened.goto(f"http://127.0.0.1:{running.server_port}/icon.svg")
        yield opened
        opened.close()


@pytest.fixture
def find(page: Any) -> Any:
    def call(query: str, limit: int = 10, ids: list[str] | None = IDS) -> tuple[list[int], int]:
        found = page.evaluate(
            """async ([names, ids, query, limit]) => {
                const { Search } = await import("/search.js");
                return new Search(names, ids).find(query, limit);
            }""",
            [NAMES, ids, query, limit],
        )
        return found["numbers"], found["total"]

    return call


def test_the_start_of_a_name_comes_first_then_of_a_word_then_the_rest(find: Any) -> None:
    assert find("lamp", ids=None) == ([1, 4, 7, 0, 5, 2], 6)


def test_every_word_must_be_there_in_any_order(find: Any) -> None:
    assert find("red lamp") == ([0, 1], 2)
    assert find("  LAMP   red ") == ([0, 1], 2)
    assert find("red chair") == ([], 0)


def test_case_and_accents_do_not_matter(find: Any) -> None:
    assert find("creme BRULEE") == ([3], 1)
    assert find("cre\u0300me") == ([3], 1)
    assert find("istanbul i") == ([6], 1)
    assert find("strasse") == find("stra\u00dfe") == ([8, 9], 2)
    assert find("\u03bf\u03b4\u03bf\u03c2") == ([10], 1)


def test_an_id_is_found_by_its_start_and_first_when_it_is_whole(find: Any) -> None:
    assert find("17") == ([3, 5], 2)
    assert find("lamp")[0][:4] == [1, 2, 4, 7]


def test_the_limit_counts_all_and_gives_the_best(find: Any) -> None:
    assert find("lamp", 2, None) == ([1, 4], 6)


@pytest.mark.parametrize("query", ["", "   ", "\u0301"])
def test_nothing_asked_nothing_found(find: Any, query: str) -> None:
    assert find(query) == ([], 0)


def test_what_means_something_elsewhere_is_only_text(find: Any) -> None:
    assert find(".*") == ([], 0)
    assert find("lamp, r") == ([1], 1)

"""A page as a person meets it: what can be done and what can be read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import selfrec.api
from selfrec.model_folder.reading import Model


class Line(NamedTuple):
    """A line of the list."""

    number: int
    name: str
    score: float


class Shown:
    """An open page, loaded."""

    def __init__(self, page: Any, address: str, model: Model) -> None:
        self.page, self.address, self.model = page, address, model
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._complain)
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]", timeout=60_000)

    def _complain(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def type(self, text: str) -> list[str]:
        """Type into the search field; the names it offers."""
        self.page.fill("#search", text)
        return [option.inner_text() for option in self.page.query_selector_all("#found .name")]

    def act(self, does: Any) -> None:
        """Do something that gives a new list, and wait for it."""
        before = self.page.get_attribute("#list", "data-answer")
        does()
        self.page.wait_for_function("before => document.getElementById('list').dataset.answer !== before", arg=before)

    def pick_with_mouse(self, text: str) -> None:
        """Search, and click the first that is offered."""
        self.type(text)
        self.act(lambda: self.page.click("#found [role=option] >> nth=0"))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def show_all(self) -> None:
        while self.page.is_visible("#more"):
            self.page.click("#more")

    def lines(self) -> list[Line]:
        """The list as it stands."""
        return [
            Line(
                int(line.get_attribute("data-number")),
                line.query_selector(".name").text_content(),
                float(line.query_selector("data").get_attribute("value")),
            )
            for line in self.page.query_selector_all("#list .line")
        ]

    def chips(self, which: str = "liked") -> list[str]:
        return [chip.text_content() for chip in self.page.query_selector_all(f"#{which} .name")]

    def compare(self, history: list[int], k: int) -> None:
        """The whole list is Python's: scores as near as two float32 runtimes are, items equal where scores differ."""
        self.show_all()
        found = self.lines()
        expected = selfrec.api.Model(self.model).recommend([1000 + number for number in history], k)
        scores = np.array([line.score for line in expected])
        np.testing.assert_allclose([line.score for line in found], scores, rtol=1e-5, atol=1e-5)
        for place, (line, right) in enumerate(zip(found, expected, strict=True)):
            near = np.abs(np.delete(scores, place) - scores[place]).min(initial=np.inf)
            if near > 1e-4:
                assert (1000 + line.number, line.name) == (right.item_id, right.name)

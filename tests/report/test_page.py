"""The page and the card: whole, self-contained, escaped, the same bytes each time."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from selfrec.errors import TargetError
from selfrec.evaluation.result import Difference
from selfrec.report import style
from selfrec.report.card import model_card, write_model_card
from selfrec.report.content import summary
from selfrec.report.data import Curve, Histogram, HistoryLengths, ReportData, SplitRow, StageRow, graph_of
from selfrec.report.figures import history_lengths
from selfrec.report.page import TEMPLATES, render, write_report
from tests.report.sample import sample_data

VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}
DATA = sample_data()
PAGE = render(DATA)


class Checker(HTMLParser):
    """Collects tags, ids and addresses, and fails on tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def minimal(**fields: object) -> ReportData:
    return ReportData.model_validate(
        {"title": "shop", "version": "0.1.0", "fingerprint": {"rows": 10}, "config": {}} | fields
    )


def test_every_section_is_there_and_linked() -> None:
    checker = checked(PAGE)
    sections = ["stages", "test", "data", "training", "reconstruction", "generated-gan", "settings"]
    assert [link for link in checker.links if link.startswith("#")][: len(sections)] == [
        f"#{name}" for name in sections
    ]
    assert set(sections) <= set(checker.ids)
    assert checker.tags.count("svg") == checker.tags.count("figure") == 12


def test_it_says_what_is_in_the_graph_and_how_many_items_are() -> None:
    """Not every part that was tried is in it, nor every item that has events."""
    assert "In the graph: extractor autoencoder, generator autoencoder." in PAGE
    assert re.search(r"<dt>Items</dt>\s*<dd>68,509</dd>\s*<dd class=\"note\">600 in the catalog</dd>", PAGE)
    assert "| items | 68,509 |\n| of them in the catalog (N) | 600 |\n| first |" in model_card(DATA)


def test_labels_of_many_bars_do_not_run_into_each_other() -> None:
    edges = [1, *(2**at for at in range(2, 10))]
    lengths = HistoryLengths(
        histogram=Histogram(edges=tuple(map(float, edges)), counts=(1,) * 8), median=3, mean=3, users=8
    )
    drawn = history_lengths(lengths).svg
    assert "128\u2013<" in drawn
    assert "128\u2013255" not in drawn
    assert "4\u20137<" in drawn


def test_nothing_is_loaded_from_outside() -> None:
    assert all(link.startswith("#") for link in checked(PAGE).links)
    assert "script" not in checked(PAGE).tags
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", PAGE)
    assert "http" not in without_names
    assert "@import" not in PAGE
    assert not re.search(r"url\((?!#)", PAGE)


def test_same_data_same_bytes(tmp_path: Path) -> None:
    write_report(DATA, tmp_path / "a.html")
    write_report(ReportData.model_validate_json(DATA.model_dump_json()), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_figures_are_well_formed_named_and_take_the_page_colours() -> None:
    figures = re.findall(r"<svg.*?</svg>", PAGE, re.DOTALL)
    for svg in figures:
        root = ET.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]
        assert "metadata" not in svg
        assert not re.search(r"#[0-9a-f]{6}\b(?!\")", re.sub(r"url\(#\w+\)|href=\"#\w+\"|id=\"\w+\"", "", svg)), svg[
            :300
        ]
    names = {variable for svg in figures for variable in re.findall(r"var\((--\w+)\)", svg)}
    css = (TEMPLATES / "report.css").read_text()
    for mode in css.split("prefers-color-scheme: dark"):
        assert all(f"{name}:" in mode for name in names)
    assert set(style._VARIABLES.values()) >= names


def test_titles_say_what_one_sees() -> None:
    for text in (
        "NDCG@20 on the validation part is 0.1627 at epoch 12",
        "the losses end at 0.666 (generator) and 1.36 (discriminator)",
        "the discriminator is right on 54% of real and 51% of generated rows",
        "NDCG@20 is 44% above that of popularity",
        "Half of the users have 15 items or fewer",
        "An item of the history scores above another item ",
    ):
        assert text in PAGE


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.01, 0.03, "are better than {} (NDCG@20 +0.0200, 95% interval +0.0100 to +0.0300)."),
        (-0.01, 0.05, "cannot be told from {} (NDCG@20 +0.0200, 95% interval \u22120.0100 to +0.0500)."),
        (None, None, "cannot be told from {} (NDCG@20 +0.0200, of one user)."),
    ],
)
def test_no_evidence_of_a_difference_is_not_said_to_be_none(low: float | None, high: float | None, told: str) -> None:
    assert DATA.evaluation is not None
    overall = DATA.evaluation.overall
    difference = {**overall.difference, "ndcg@20": Difference(mean=0.02, low=low, high=high)}
    groups = (overall.model_copy(update={"difference": difference}),)
    evaluation = DATA.evaluation.model_copy(update={"groups": groups})
    told = told.format("lists of the most popular items")
    assert f"On the test part its lists {told}" in render(DATA.model_copy(update={"evaluation": evaluation}))


def test_popularity_is_not_compared_with_itself() -> None:
    page = render(DATA.model_copy(update={"parts": ("popularity alone",)}))
    assert "Nothing was better on the validation part, so its lists are those of the most popular items." in page
    assert "On the test part its lists" not in page


@pytest.mark.parametrize(
    ("coverage", "told"), [(0.0, "0%"), (0.0043, "0.43%"), (0.0999, "10%"), (0.1, "10%"), (0.844, "84%"), (1.0, "100%")]
)
def test_a_small_coverage_is_not_none(coverage: float, told: str) -> None:
    assert DATA.evaluation is not None
    lists = {**DATA.evaluation.lists, "coverage@20": coverage}
    evaluation = DATA.evaluation.model_copy(update={"lists": lists})
    facts = {fact.name: fact.value for fact in summary(DATA.model_copy(update={"evaluation": evaluation})).facts}
    assert facts["Coverage@20"] == told


def test_mean_popularity_says_that_older_choices_count_less() -> None:
    assert "users an item, older choices counting less</" in PAGE
    untimed = DATA.model_copy(update={"fingerprint": {"rows": 10, "first": None}})
    assert "users an item</" in render(untimed)


def test_history_lengths_say_how_bars_follow_each_other() -> None:
    for edges, told in (
        ((16.0, 32.0, 64.0), "Lengths double from bar to bar."),
        ((0.0, 1.0, 2.0), "Lengths double from bar to bar."),
        ((1.0, 8.0, 16.0), "Lengths double, and bars of few users are joined."),
    ):
        lengths = HistoryLengths(histogram=Histogram(edges=edges, counts=(5, 6)), median=9, mean=9, users=11)
        assert told in render(minimal(history_lengths=lengths))


def test_generators_that_are_alike_are_named_together() -> None:
    (alone,) = sample_data().generated
    together = alone.model_copy(update={"labels": ("gan", "again", "other")})
    page = render(minimal(generated=[together.model_dump()]))
    assert "Generated histories: gan, again and other" in page
    assert "All of this is the same for these" in page
    assert 'id="generated-gan-again-and-other"' in page
    assert "All of this is the same for these" not in render(minimal(generated=[alone.model_dump()]))


def test_text_from_outside_is_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    data = minimal(
        title=hostile,
        cleaning=[{"rule": hostile, "rows_before": 1, "rows_dropped": 0, "note": hostile}],
        stages=[{"name": hostile, "metrics": {"ndcg@20": 0.1}}],
        curves=[{"kind": "generator", "label": hostile, "epochs": 2 * [{"loss": 1.0, "ndcg@20": 0.5}]}],
        config={"preset": hostile},
    )
    page = render(data)
    assert "<script" not in page
    checked(page)
    assert "<script" not in model_card(data)


def test_the_least_data_makes_a_page_and_a_card() -> None:
    checked(render(minimal()))
    assert "made from 10 events" in render(minimal())
    assert model_card(minimal()).startswith("# Model card: shop\n")


def test_one_user_is_no_users() -> None:
    lengths = HistoryLengths(histogram=Histogram(edges=(1.0, 2.0), counts=(1,)), median=1, mean=1, users=1)
    assert "1 user, 1.0 items on average" in render(minimal(history_lengths=lengths))


def test_what_is_no_curve_is_not_drawn() -> None:
    one, two = ({"loss": 0.5},), ({"loss": 0.5}, {"loss": 0.4})
    for epochs in ((), one):
        assert 'id="training"' not in render(minimal(curves=[Curve(kind="extractor", label="closed", epochs=epochs)]))
    page = render(minimal(curves=[Curve(kind="extractor", label="ae", epochs=two)]))
    assert "ae: training loss went from 0.5 to 0.4" in page


@pytest.mark.parametrize(
    ("refitted", "page", "card"),
    [
        (True, "trained once more, on the validation rows too", "parts have seen the validation rows"),
        (False, "parts have not seen the validation rows", "parts have not seen the validation rows"),
    ],
)
def test_whether_the_parts_have_seen_the_validation_rows(refitted: bool, page: str, card: str) -> None:
    data = DATA.model_copy(update={"refitted": refitted})
    assert page in render(data)
    assert card in model_card(data)
    assert "validation rows." not in model_card(DATA)


def test_a_kept_epoch_without_a_figure_is_not_marked() -> None:
    epochs = ({"loss": 1.0, "ndcg@20": 0.2}, {"loss": 0.9, "ndcg@20": None}, {"loss": 0.8, "ndcg@20": 0.1})
    for best in (2, 9):
        page = render(minimal(curves=[Curve(kind="generator", label="g", epochs=epochs, best_epoch=best)]))
        assert "g: NDCG@20 on the validation part is 0.2000 at epoch 1" in page
        assert "dotted line" not in page


def test_the_exported_stage_is_marked_and_missing_figures_are_empty() -> None:
    stages = (
        StageRow(name="popularity", metrics={"ndcg@20": 0.1}),
        StageRow(name="autoencoder", metrics={"ndcg@20": None}, exported=True),
    )
    page = render(minimal(stages=stages))
    assert page.count('<tr class="strong">') == 1
    assert "\u201cautoencoder\u201d" in page


def test_unwritable_paths_are_errors(tmp_path: Path) -> None:
    for write in (write_report, write_model_card):
        with pytest.raises(TargetError, match="cannot be written"):
            write(minimal(), tmp_path / "missing" / "file")


def test_card_holds_the_facts() -> None:
    card = model_card(DATA)
    for heading in ("What it is", "Data", "Metrics", "Intended use", "Limits", "How to run it"):
        assert f"\n## {heading}\n" in card
    assert "| rows | 1,469,307 |" in card
    assert "| NDCG@20 | 0.2106 | 0.1458 | +0.0648 | +0.0523 to +0.0773 |" in card
    assert "| autoencoder | 0.1642 | 0.1127 | 0.1904 | yes |" in card
    assert "Items of fewer than 5 users are not in it." in card
    assert "\n\n\n" not in card


def test_one_user_is_no_users_on_the_card() -> None:
    assert DATA.evaluation is not None
    groups = tuple(group.model_copy(update={"users": 1}) for group in DATA.evaluation.groups)
    evaluation = DATA.evaluation.model_copy(update={"users": 1, "groups": groups})
    splits = (SplitRow(name="test", users=1, rows=1),)
    card = model_card(DATA.model_copy(update={"evaluation": evaluation, "splits": splits}))
    for text in ("On the test part, 1 user:", "tail of taste (1 user) ", "Split `leave-last`: test 1 user, 1 row."):
        assert text in card
    assert not re.search(r"\b1 (users|rows)", card)


def test_users_who_are_too_few_to_stand_apart_are_no_empty_line_of_the_card() -> None:
    assert DATA.evaluation is not None
    whole = model_card(DATA)
    card = model_card(DATA.model_copy(update={"evaluation": DATA.evaluation.of_many(10**6)}))
    assert "of users apart" not in card
    [line] = [line for line in whole.splitlines() if line.startswith("NDCG@20 of users apart: ")]
    assert card == whole.replace(f"{line}\n\n", "")


def test_card_tables_are_whole() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", model_card(DATA), re.MULTILINE):
        widths = {line.replace("\\|", "").count("|") for line in block.splitlines()}
        assert len(widths) == 1, block


def test_card_code_feeds_every_input() -> None:
    data = minimal(graph=graph_of(10, ("ages", "user_features"), ("age",)))
    code = re.search(r"```python\n(.*?)```", model_card(data), re.DOTALL)
    assert code is not None
    ast.parse(code.group(1))
    assert data.graph is not None
    for tensor in data.graph.inputs:
        assert f'"{tensor.name}"' in code.group(1)


def test_users_at_the_tail_of_taste_stand_apart() -> None:
    assert DATA.evaluation is not None
    tail = next(group for group in DATA.evaluation.groups if group.name == "tail of taste")
    assert tail.users == sum(g.users for g in DATA.evaluation.groups if g.name.endswith("history items")) // 10
    assert "NDCG@20 of users apart" in PAGE
    assert f"{tail.users:,} users" in PAGE
    assert "The tail of taste is the tenth of the users" in PAGE

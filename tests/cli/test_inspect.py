"""inspect, on a model of short lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfrec.evaluation.metrics import main_cutoff
from tests.cli.conftest import Cli


def test_a_model_of_short_lists_shows_its_test_part_too(cli: Cli, model: Path, shop: Path) -> None:
    measured = json.loads(cli("evaluate", model, shop, "--json").out)["groups"][0]["model"]
    line = next(line for line in cli("inspect", model).out.splitlines() if line.startswith("on the test part"))
    assert line == f"on the test part: ndcg@10 {measured['ndcg@10']:.4f}, recall@10 {measured['recall@10']:.4f}"


@pytest.mark.parametrize(("ks", "main"), [((5, 10, 20, 50), 20), ((10, 5), 10), ((50, 100), 50), ((3,), 3)])
def test_the_main_cutoff(ks: tuple[int, ...], main: int) -> None:
    assert main_cutoff(ks) == main

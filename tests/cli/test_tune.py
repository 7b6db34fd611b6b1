"""The search as a user runs it: fit --budget, tune, and the same model again from what they found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from selfrec.cli.fit_display import print_trials
from selfrec.errors import TargetError
from selfrec.fit_job.job import fit
from selfrec.fit_job.request import FitRequest
from selfrec.model_folder.manifest import SearchRow
from selfrec.pipeline.listener import Silent
from selfrec.settings.config import load_config
from selfrec.settings.search import Dimension, in_short
from selfrec.tuning.samplers import OptunaSampler
from tests.cli.conftest import Cli, write_shop
from tests.program import selfrec

SMALL = ("-o", "extractor.autoencoder.width=8", "-o", "extractor.autoencoder.epochs=2", "-o", "training.threads=1")


class KilledAfter(Silent):
    """Stops the fit when this trial has ended; the options of those that were run."""

    def __init__(self, number: int | None) -> None:
        self._number, self.ran = number, list[set[str]]()

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        if phase == "search":
            self.ran.append({*label.split(", ")})

    def trial(self, number: int, options: Mapping[str, Any], metrics: Mapping[str, float], seconds: float) -> None:
        if number == self._number:
            raise KeyboardInterrupt


def manifest(model: Path) -> dict:
    return json.loads((model / "manifest.json").read_text())


def test_tune_writes_a_file_that_fit_takes(tmp_path: Path, cli: Cli) -> None:
    shop, toml, study = write_shop(tmp_path / "shop.duckdb"), tmp_path / "tuned.toml", tmp_path / "study.log"
    ran = selfrec("tune", shop, "--out", toml, "--trials", "3", "--study", study, *SMALL)
    assert ran.code == 0, ran.err
    assert "as they stand" in ran.out
    assert "chosen" in ran.out
    assert toml.read_text().startswith(
        ("# found by selfrec tune in 4 trials: ndcg@20 0.", "# found by selfrec tune in 4 trials: ndcg@20 1.0000")
    )
    assert study.stat().st_size > 0
    ran = selfrec("fit", shop, "--out", tmp_path / "model", "--config", toml)
    assert ran.code == 0, ran.err
    assert manifest(tmp_path / "model")["search"] == []

    refused = cli("tune", shop, "--out", toml, "--trials", "3", *SMALL)
    assert refused.code == 1
    assert "exists; name another file or use --force" in refused.err


@pytest.mark.parametrize("chosen", [0, 2])
def test_a_trial_above_the_chosen_one_says_why_it_is_not(chosen: int, capsys: pytest.CaptureFixture[str]) -> None:
    reached = (0.2, 0.21, 0.205, 0.1)
    rows = [
        SearchRow(options={}, metrics={"ndcg@20": one}, seconds=1.0, chosen=number == chosen)
        for number, one in enumerate(reached)
    ]
    print_trials([*rows, SearchRow(options={}, metrics={}, seconds=1.0, failed="no", chosen=False)])
    _, *lines = capsys.readouterr().out.splitlines()
    ends = {line.split()[0]: line.partition("as they stand")[2].strip() for line in lines}
    above = "not surely better than 0"
    assert ends == {"0": "chosen", "1": above, "2": above, "3": "", "4": ""} | (
        {"0": "", "2": "chosen"} if chosen == 2 else {}
    )


def test_trials_that_are_not_shown_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The ten best, and the first, which is the worst of those that were measured; 2 failed."""
    measured = [SearchRow(options={}, metrics={"ndcg@20": n / 100}, seconds=1.0, chosen=n == 12) for n in range(1, 13)]
    failed = [SearchRow(options={}, metrics={}, seconds=1.0, failed="no") for _ in range(2)]
    print_trials([*measured, *failed])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [*map(str, range(11, 1, -1)), "0"]
    assert lines[-1] == "and 3 trials more, none of them better; 2 failed"
    print_trials(measured[-10:])
    assert "more" not in capsys.readouterr().out


def test_a_budget_is_reported_and_its_model_can_be_made_again(tmp_path: Path) -> None:
    shop, first, again = write_shop(tmp_path / "shop.duckdb"), tmp_path / "first", tmp_path / "again"
    ran = selfrec("fit", shop, "--out", first, "-o", "search.trials=3", *SMALL)
    assert ran.code == 0, ran.err
    made = manifest(first)
    assert len(made["search"]) == 4
    assert sum(row["chosen"] for row in made["search"]) == 1
    assert made["config"]["search"] == {"budget": None, "trials": None}
    assert "Search for options" in (first / "report.html").read_text()

    chosen = next(row for row in made["search"] if row["chosen"])["options"]
    overrides = [part for name, value in chosen.items() for part in ("-o", f"{name}={value}")]
    ran = selfrec("fit", shop, "--out", again, *SMALL, *overrides)
    assert ran.code == 0, ran.err
    assert manifest(again)["files"]["model.onnx"] == made["files"]["model.onnx"]


def test_a_fit_killed_in_its_search_goes_on_from_the_trials_it_had(tmp_path: Path) -> None:
    shop, whole, killed = str(write_shop(tmp_path / "shop.duckdb")), tmp_path / "whole", tmp_path / "killed"
    config = load_config(overrides=("search.trials=3", *SMALL[1::2]))
    fit(shop, str(whole), config)

    with pytest.raises(KeyboardInterrupt):
        fit(shop, str(killed), config, listener=KilledAfter(1))
    watched = KilledAfter(None)
    fit(shop, str(killed), config, FitRequest(resume=True), listener=watched)
    first, second = manifest(whole), manifest(killed)
    assert watched.ran == [{*in_short(row["options"]).split(", ")} for row in first["search"][2:]]
    assert [row["options"] for row in second["search"]] == [row["options"] for row in first["search"]]
    assert [row["metrics"] for row in second["search"]] == [row["metrics"] for row in first["search"]]
    assert second["files"]["model.onnx"] == first["files"]["model.onnx"]


@pytest.mark.parametrize(("budget", "shown"), [("soon", "'soon'"), ("90", "90"), ("0s", "'0s'")])
def test_a_wrong_budget_is_one_line(budget: str, shown: str, tmp_path: Path, cli: Cli) -> None:
    ran = cli("fit", write_shop(tmp_path / "shop.duckdb"), "--out", tmp_path / "model", "--budget", budget)
    assert ran.code == 2
    assert ran.err == (
        f"Error: option 'search.budget' is {shown}: should be a number of seconds, minutes or hours, such as 90s, 5m "
        "or 2h; give it another value\n"
    )


def test_tune_looks_at_its_place_before_it_searches(tmp_path: Path, cli: Cli) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    before = shop.read_bytes()
    ran = cli("tune", shop, "--out", shop, "--force", "--trials", "1", *SMALL)
    assert ran.code == 1
    assert ran.err == (
        f"Error: {str(shop)!r} is no configuration, which is all that --force replaces; name another file\n"
    )
    assert shop.read_bytes() == before

    ran = cli("tune", shop, "--out", tmp_path / "none" / "new.toml", "--trials", "1", *SMALL)
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert ran.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.duckdb"]


def test_a_study_of_other_options_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    space = [Dimension("generator.a.width", (8, 16))]
    first = OptunaSampler(space, 0, journal, {"preset": "fast", "split": {"test": 0.1}})
    first.told(1, first.propose(1) or {}, 0.5)
    OptunaSampler(space, 1, journal, {"preset": "fast", "split": {"test": 0.1}})
    with pytest.raises(TargetError) as error:
        OptunaSampler(space, 0, journal, {"preset": "fast", "split": {"test": 0.2}})
    assert str(error.value) == (f"study {str(journal)!r}: its trials are of other options (split); name another file")

"""The benchmarks run, in their smallest form, and their figures belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import scoring
from benchmarks.breakdown import PARTS
from benchmarks.measure import BenchmarkError, markdown, medians, run


def test_the_smallest_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--users", "300", "--items", "200", "--width", "8", "--history", "10", "-k", "5", "--repeats", "1"]
    scoring.main([*arguments, "--profile", "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json")])
    shown = capsys.readouterr().out
    result = json.loads((tmp_path / "figures.json").read_text())
    [size] = result["sizes"]
    assert (size["items"], size["failed"], result["skipped"]) == (200, {}, {})
    assert set(size["figures"]) == {"selfrec", "bare product"}
    for name, figures in size["figures"].items():
        assert figures["users"] == 300
        assert figures["users_per_second"] == pytest.approx(300 / figures["wall"])
        assert figures["peak"] > 10_000_000
        assert f"| {name} (" in shown
    assert tuple(size["breakdown"]) == PARTS
    assert min(size["breakdown"].values()) >= 0
    assert not list(tmp_path.glob("tmp*"))


def test_a_toolkit_that_does_not_exist() -> None:
    with pytest.raises(SystemExit, match="no such toolkit"):
        scoring.main(["--with", "nothing"])


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(BenchmarkError, match=r"exit code 3: too bad"):
        run(["sh", "-c", "echo too bad >&2; exit 3"])


def test_medians_of_processes() -> None:
    runs = [run(["sh", "-c", "echo one"]) for _ in range(3)]
    assert {one.output for one in runs} == {"one\n"}
    assert medians(runs)["wall"] == sorted(one.wall for one in runs)[1]


def test_a_table() -> None:
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---:|\n| 1 | 2 |"

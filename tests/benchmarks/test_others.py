"""The smaller benchmarks, in their smallest forms."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import memory, scaling, startup


def test_startup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {"fit", "score", "inspect"} < set(startup.commands())
    startup.main(["--repeats", "1", "--command", "score", "--json", str(tmp_path / "figures.json")])
    result = json.loads((tmp_path / "figures.json").read_text())
    assert set(result["figures"]) == {"yardstick", "selfrec --help", "selfrec score --help"}
    for modules in result["modules"].values():
        assert not {"torch", "onnx", "onnxruntime", "matplotlib"} & set(modules)
    assert "| selfrec score --help |" in capsys.readouterr().out


def test_what_is_loaded_is_seen() -> None:
    assert "duckdb" in startup.loaded(["inspect", "no such model"]) or "numpy" in startup.loaded(["inspect", "none"])


def test_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--users", "50", "--users", "200", "--items", "100", "--width", "4", "-k", "3"]
    memory.main([*sizes, "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json")])
    result = json.loads((tmp_path / "figures.json").read_text())
    assert [(one["users"], one["rows"]) for one in result["sizes"]] == [(50, 150), (200, 600)]
    assert "| 200 | 600 | 1 |" in capsys.readouterr().out


def test_scaling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"--svg": tmp_path / "plot.svg", "--json": tmp_path / "figures.json", "--folder": tmp_path}
    words = [str(word) for pair in files.items() for word in pair]
    scaling.main(["--short", "--only", "k", "--repeats", "1", *words])
    result = json.loads((tmp_path / "figures.json").read_text())
    assert [point["value"] for point in result["sizes"]["k"]["points"]] == [5, 20]
    assert "### k: exponent" in capsys.readouterr().out
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")


def test_exponents() -> None:
    assert scaling.exponent([(x, 3 * x**1.5) for x in (1, 2, 7)]) == pytest.approx(1.5)
    assert scaling.exponent([(1, 2), (10, 2)]) == 0
    assert math.isnan(scaling.exponent([(1, 2), (2, -1)]))

"""The smaller benchmarks, in their smallest forms."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import busy, limits, memory, scaling, screen, shortcut, stages, startup
from benchmarks.measure import run
from selfrec.scoring.processor import exact_form


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


def test_busy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--users", "60", "--others", "1", "--repeats", "1"]
    busy.main([*words, "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    ways = ("selfrec", "libgomp's own spins")
    assert list(figures) == [f"{way}, beside {others}" for others in (0, 1) for way in ways]
    assert "| selfrec, beside 0 |" in capsys.readouterr().out


def test_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--users", "50", "--users", "200", "--items", "100", "--width", "4", "-k", "3"]
    memory.main([*sizes, "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json")])
    result = json.loads((tmp_path / "figures.json").read_text())
    assert [(one["users"], one["rows"]) for one in result["sizes"]] == [(50, 150), (200, 600)]
    assert "| 200 | 600 | 1 |" in capsys.readouterr().out


def test_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_, last = stages.PIPELINES
    monkeypatch.setattr(stages, "PIPELINES", {name: stages.PIPELINES[name] for name in (first, last)})
    sizes = ["--users", "200", "--items", "100", "--width", "4", "--history", "20", "-k", "3"]
    stages.main([*sizes, "--fit-users", "150", "--repeats", "1", "--json", str(tmp_path / "figures.json")])
    result = json.loads((tmp_path / "figures.json").read_text())
    assert list(result["figures"]) == [first, last]
    assert "| autoencoder, GAN, MLP ranker |" in capsys.readouterr().out


def test_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--short", "--only", "users", "--values", "200,400", "--folder", str(tmp_path)]
    limits.main([*words, "--json", str(tmp_path / "figures.json")])
    found = json.loads((tmp_path / "figures.json").read_text())["sizes"]["users"]
    assert [point["value"] for point in found["points"]] == [200, 400]
    assert "A further one of users:" in capsys.readouterr().out


def test_what_fits_a_machine() -> None:
    """100 more users for 2,000 bytes; 9,000 of 10,000 bytes may be used and 5,000 are: 200 users more fit."""
    one = {"bytes": 20.0, "points": [{"value": 100, "peak": 3000}, {"value": 200, "peak": 5000}]}
    assert limits.fits(one, 10_000) == 400
    assert limits.fits(one | {"bytes": 0.0}, 10_000) == math.inf


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


def test_shortcut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--users", "60", "--items", "1000", "--width", "40", "--mean-items", "10"]
    run([sys.executable, "-m", "benchmarks.synthetic", str(tmp_path), *sizes])
    words = [str(tmp_path / "model"), str(tmp_path / "shop.duckdb"), "--users", "20", "-k", "3", "--repeats", "1"]
    shortcut.main([*words, "--json", str(tmp_path / "figures.json")])
    found = json.loads((tmp_path / "figures.json").read_text())["first_pass"]
    assert [row[:2] for row in found] == [["32", "100"], ["32", "200"]]
    shares = [float(row[2]) for row in found]
    assert 0.5 < shares[0] <= shares[1] <= 1
    assert "N 992, d 40, 20 users, k 3" in capsys.readouterr().out


@pytest.mark.skipif(exact_form() is None, reason="nothing is screened on this processor")
def test_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--users", "60", "--items", "4000", "--width", "40", "--mean-items", "10"]
    run([sys.executable, "-m", "benchmarks.synthetic", str(tmp_path), *sizes])
    words = [str(tmp_path / "model"), str(tmp_path / "shop.duckdb"), "-k", "3", "-k", "100", "--repeats", "2"]
    screen.main([*words, "--json", str(tmp_path / "figures.json")])
    [found] = json.loads((tmp_path / "figures.json").read_text())["lists"]
    # In 8 bits, or in 7.
    assert (found["k"], found["candidates"]) in [(3, 13), (3, 19)]
    assert 0 <= found["doubtful"] < 0.5
    assert found["largest_gap"] < 1e-5
    assert "N 4,000, 60 users" in capsys.readouterr().out


def test_a_rotation_leaves_the_products_and_orders_the_energy() -> None:
    rng = np.random.default_rng(0)
    queries, factors = rng.standard_normal((50, 8)), rng.standard_normal((70, 8)) * np.arange(1, 9)
    turns = shortcut.rotation(queries.astype(np.float32), factors.astype(np.float32))
    turned, turned_factors = queries @ turns[0], factors @ turns[1]
    assert np.allclose(turned @ turned_factors.T, queries @ factors.T, rtol=1e-3, atol=1e-3)
    energy = (turned**2).mean(axis=0) * (turned_factors**2).mean(axis=0)
    assert (np.diff(energy) < 0).all()
    # With all columns a block is spared exactly where its best product is below the k-th best.
    spared = shortcut.spared_blocks(turned.astype(np.float32), turned_factors.astype(np.float32), 70, 8, 7)
    assert spared == 0
    assert shortcut.found_share(np.array([[1, 2], [3, 4]]), np.array([[2, 9, 1], [4, 8, 7]])) == 0.75

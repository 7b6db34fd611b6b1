"""`selfrec fit` on a real shop: what it prints, names and makes again."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import QUICK, Cli
from tests.program import Ran


def test_fit_prints_every_rule_and_every_stage(fitted: tuple[Path, Path, Ran]) -> None:
    _, model, ran = fitted
    lines = ran.out.splitlines()
    assert lines[0].split() == ["cleaning", "rows", "before", "dropped", "note"]
    assert lines[1].split()[:4] == ["null", "ids", "480", "0"]
    table = lines.index(next(line for line in lines if line.startswith("on the validation part")))
    assert lines[table].split() == [
        "on",
        "the",
        "validation",
        "part",
        "ndcg@20",
        "recall@20",
        "coverage@20",
        "exported",
    ]
    rows = [line.split() for line in lines[table + 1 :]]
    assert [row[0] for row in rows[:2]] == ["popularity", "gan"]
    assert [row[:2] for row in rows[2:]] == [["+", "recency"]]
    assert [row[-1] for row in rows].count("yes") == 1
    assert max(map(len, lines)) <= 100
    assert ran.err == ""
    assert {path.name for path in model.iterdir()} >= {"manifest.json", "model.onnx", "items.parquet", "report.html"}


def test_a_reader_of_a_fit_who_goes_away(shop: Path, tmp_path: Path) -> None:
    """`| head` is no failure of the model's folder."""
    command = [sys.executable, "-m", "selfrec", "fit", shop, "--out", tmp_path / "model", *QUICK]
    line = f"{shlex.join(map(str, command))} | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("cleaning")
    assert done.stderr == ""


def test_fit_names_what_is_wrong(cli: Cli, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    ran = cli("fit", shop, "--out", out, "-o", "generator.autoencoder.epohcs=3")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: unknown option 'generator.autoencoder.epohcs'; did you mean ")
    ran = cli("fit", tmp_path / "none.duckdb", "--out", out)
    assert ran.code == 1
    assert ran.err.startswith("Error: ")
    assert len(ran.err.splitlines()) == 1
    ran = cli("fit", shop, "--out", out, "--table", "interactoins")
    assert ran.code == 1
    assert "interactions" in ran.err
    assert cli("fit", shop).code == 2
    assert not out.exists()


def test_one_seed_gives_one_graph(cli: Cli, fitted: tuple[Path, Path, Ran], tmp_path: Path) -> None:
    shop, model, _ = fitted
    again = tmp_path / "again"
    ran = cli("fit", shop, "--out", again, "--items", "products", "--seed", "1", "--quiet", *QUICK)
    assert ran.code == 0
    assert (again / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()

"""What commands import, and so how fast they start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfrec.cli.sparing import WITHOUT_PANDAS


def test_scoring_imports_nothing_of_the_training_side(model: Path, shop: Path) -> None:
    code = (
        "import sys; from selfrec.cli.main import run;"
        f"model, shop = {str(model)!r}, {str(shop)!r};"
        "codes = [run(args) for args in (['score', model, shop, '--into', 'r'], ['evaluate', model, shop],"
        "['recommend', model, '--history', 'i1'], ['inspect', model])];"
        "loaded = [m for m in sys.modules if m.split('.')[0] in"
        "('torch', 'onnx', 'onnxscript', 'safetensors', 'pluggy') or m.startswith('selfrec_')];"
        "sys.exit(f'{codes} {loaded}' if any(codes) or loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", WITHOUT_PANDAS)
def test_commands_on_one_model_leave_pandas_alone(command: str, model: Path, shop: Path, tmp_path: Path) -> None:
    """pyarrow imports it wherever it is installed."""
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was imported')")
    further: dict[str, list[str | Path]] = {
        "score": [shop, "--into", "r"],
        "recommend": ["--history", "i1"],
        "explain": [shop, "--user", "7"],
        "similar": ["i1"],
        "audience": [shop, "--item", "i1"],
        "inspect": [],
    }
    line = [sys.executable, "-m", "selfrec", command, str(model), *map(str, further[command])]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=surroundings)
    assert (done.returncode, done.stderr) == (0, "")


def test_windows_is_told_at_once() -> None:
    code = "import sys; sys.platform = 'win32'; import selfrec"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: selfrec runs on Linux and macOS; on Windows, install it in WSL"
    )

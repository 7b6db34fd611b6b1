"""Damaged model folders, by the thousand: refused with one line, or used rightly; no crash, no hang, no wrong list.

`SELFREC_FUZZ` is how many; a fast share of them runs by default. Where a file was damaged and its hash made to agree,
a changed weight is a changed model, which nobody can tell: then only crashes and hangs count.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.scoring.shops import next_item_model

ROOT = Path(__file__).resolve().parents[2]
MUTATIONS = int(os.environ.get("SELFREC_FUZZ", "120"))
SECONDS = 60
"""More than any mutation may take, on a machine that does much else."""


def run(whole: Path, work: Path, first: int, last: int) -> list[str]:
    """Lines of the worker. One that dies or hangs is an outcome of its seed; another goes on with the next."""
    lines: list[str] = []
    work.mkdir(exist_ok=True)
    while first < last:
        command = [sys.executable, "-m", "tests.model_folder.fuzzing", str(whole), str(work), str(first), str(last)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
            while first < last:
                ready, _, _ = select.select([worker.stdout], [], [], SECONDS)
                line = worker.stdout.readline() if ready else ""
                if not line:
                    worker.kill()
                    lines.append(f"{first} {'crash' if ready else 'hang'} {worker.wait()}")
                    first += 1
                    break
                assert line.startswith(f"{first} ")
                lines.append(line.rstrip("\n"))
                first += 1
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["plain", "blocks"])
def test_no_damage_is_fatal_or_silent(tmp_path: Path, shape: str) -> None:
    """`blocks` divides whole numbers, `plain` is small, so that more of the damage hits what matters."""
    if shape == "plain":
        next_item_model(tmp_path / "model")
    else:
        next_item_model(tmp_path / "model", 130, 2, blocks=True)
    lines = run(tmp_path / "model", tmp_path / "work", 0, MUTATIONS)
    bad = [line for line in lines if line.split()[1] not in ("refused", "right", "other")]
    assert bad == []
    assert len(lines) == MUTATIONS
    counts = Counter(" ".join(line.split()[1:3]) for line in lines)
    print(f"\n{shape}:", dict(counts))
    assert counts["refused model.onnx"] > MUTATIONS / 20
    assert counts["refused items.parquet"] > MUTATIONS / 20
    assert counts["refused manifest.json"] > MUTATIONS / 20

"""What a run tells about itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PARENT = """
import subprocess, sys
large = bytearray(b"x" * 400_000_000)
code = "from selfrec.scoring.summary import peak_memory; print(peak_memory())"
subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux counts a process by itself")
def test_the_peak_is_not_that_of_the_process_that_started_this_one() -> None:
    said = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True).stdout
    assert 5_000_000 < int(said) < 300_000_000

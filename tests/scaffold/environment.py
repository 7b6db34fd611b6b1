"""A fresh environment for the commands of a plugin's author."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from tests import program


class Environment:
    """An environment of its own that also sees the packages of this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=False, symlinks=True)
        (site,) = (folder / "env").glob("lib/python*/site-packages")
        paths = [path for path in sys.path if path and Path(path).is_dir()]
        (site / "outer.pth").write_text("\n".join(paths) + "\n")

    def run(self, *args: object) -> str:
        environment = {**os.environ, "PYTHONPATH": ""}
        python = self.folder / "env/bin/python"
        done = subprocess.run(
            [python, *map(str, args)], capture_output=True, text=True, check=False, cwd=self.folder, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def selfrec(self, *args: object) -> str:
        """`python -m selfrec` with what is installed here, forked ready: it need not import torch again."""
        done = program.selfrec(*args, cwd=self.folder, venv=self.folder / "env")
        assert done.code == 0, done.out + done.err
        return done.out

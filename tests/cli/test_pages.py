"""The pages made from the code are current and name every hook, command and option; other pages name what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from selfrec.cli.group import COMMANDS
from selfrec.host import hookspecs
from selfrec.settings.help import options_of
from selfrec.settings.tables import Config

ROOT = Path(__file__).parents[2]


def generate(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_pages_are_current() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stderr


def test_nothing_is_left_out() -> None:
    hooks = (ROOT / "docs" / "hooks.md").read_text()
    for name in vars(hookspecs):
        if name.startswith("selfrec_"):
            assert f"\n## {name}\n" in hooks
    commands = (ROOT / "docs" / "cli.md").read_text()
    assert all(f"\n## selfrec {name}\n" in commands for name in COMMANDS)
    options = (ROOT / "docs" / "options.md").read_text()
    assert all(f"| `{option.name.rpartition('.')[2]}` |" in options for option in options_of(Config))


def test_every_file_that_the_page_on_reliability_names_is_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 15
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []
    for variable, path in re.findall(r"^(SELFREC_\w+)=\d+ python -m pytest (\S+)", page, re.MULTILINE):
        assert variable in (ROOT / path).read_text()

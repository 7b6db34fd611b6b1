"""A hook comes with its page, its test and a plugin that uses it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfrec.host import hookspecs

ROOT = Path(__file__).parents[2]
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("selfrec_"))


def texts(folder: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)]


def test_there_are_hooks() -> None:
    assert "selfrec_generators" in HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_it_has_a_page_a_test_and_a_plugin(hook: str) -> None:
    assert f"\n## {hook}\n" in (ROOT / "docs/hooks.md").read_text(encoding="utf-8")
    tests = texts("tests")
    assert any(hook in text for text in tests)
    implemented = re.compile(rf"@(?:\w+\.)?hookimpl[^\n]*\n\s*(?:@staticmethod\n\s*)?def {hook}\(")
    assert any(implemented.search(text) for text in [*texts("plugins"), *tests])

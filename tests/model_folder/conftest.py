"""The folder that these tests read, alter and replace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scoring.shops import next_item_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    next_item_model(tmp_path / "model")
    return tmp_path / "model"

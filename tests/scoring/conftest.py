"""The model that most of these tests score with."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfrec.model_folder.reading import Model
from tests.scoring.shops import next_item_model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """Recommends the item after each of a history's."""
    return next_item_model(tmp_path / "model")

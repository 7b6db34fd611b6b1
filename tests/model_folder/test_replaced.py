"""A fit replaces a folder while it is being opened: one model or the other comes of it, never parts of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from selfrec.errors import ModelError
from selfrec.model_folder import checking
from selfrec.model_folder.reading import Model, open_model
from tests.scoring.shops import next_item_model


@pytest.fixture
def replaced(tmp_path: Path) -> Callable[[], None]:
    """Puts a model of 20 items in the place of the one of 6."""
    next_item_model(tmp_path / "model")

    def replace() -> None:
        next_item_model(tmp_path / "model", 20, item_ids=pa.array(range(20), pa.int64()))

    return replace


@pytest.mark.parametrize("step", ["parse_manifest", "_check_file", "check_hash", "_check_graph"])
@pytest.mark.parametrize("times", [1, 2])
def test_while_it_is_opened(
    tmp_path: Path, replaced: Callable[[], None], monkeypatch: pytest.MonkeyPatch, step: str, times: int
) -> None:
    usual = getattr(checking, step)
    left = [times]

    def interrupted(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(checking, step, usual)
                replaced()
        return usual(*args)

    monkeypatch.setattr(checking, step, interrupted)
    model = open_model(tmp_path / "model")
    assert (model.n_items, model.manifest.n_items, len(model.catalog.item_ids)) == (20, 20, 20)
    model.verify()
    assert left == [0]


@pytest.mark.parametrize("what", [lambda model: model.catalog, Model.session, Model.unbiased])
def test_after_it_was_opened(tmp_path: Path, replaced: Callable[[], None], what: Callable[[Model], object]) -> None:
    """Read later, and then refused: the lists would name items of another model."""
    model = open_model(tmp_path / "model")
    replaced()
    with pytest.raises(ModelError, match=r"20 items, but the graph scores 6|another model took its place"):
        what(model)
    what(open_model(tmp_path / "model"))


def test_damage_is_not_taken_for_another_model(tmp_path: Path) -> None:
    next_item_model(tmp_path / "model")
    (tmp_path / "model" / "items.parquet").unlink()
    with pytest.raises(ModelError, match="missing or not readable"):
        open_model(tmp_path / "model")

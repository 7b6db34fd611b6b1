"""The fixtures as a plugin's own tests have them: by one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from selfrec.testing.bench import Fitted
from tests.program import selfrec
from tests.toys import Toys

pytest_plugins = ["selfrec.testing.fixtures"]


def test_a_part_is_trained_with_its_options(fit_part: Callable[..., Fitted]) -> None:
    toys = Toys()
    face = toys.get("generator", "factors")
    fitted = fit_part(toys.get("extractor", "factors"), beside=[face], epochs=3, learning_rate=0.05)
    assert len(fitted.losses) == 3
    assert fitted.losses[2] < fitted.losses[0]
    assert fitted.part.width == 8
    assert fitted.part.module in [part.module for part in fitted.chosen.generators]


def test_a_shop_with_a_known_right_answer(checkerboard_shop: Path) -> None:
    """By the real command line: nobody is recommended an item of the other colour."""
    model = checkerboard_shop.parent / "model"
    quick = ["-o", "pipeline.extractors=", "-o", "pipeline.generators=ease", "-o", "pipeline.keep=all"]
    for command in (
        ["fit", checkerboard_shop, "--items", "items", "--out", model, *quick],
        ["score", model, checkerboard_shop, "--into", "lists", "-k", "2"],
    ):
        done = selfrec(*command)
        assert done.code == 0, done.err
    with duckdb.connect(str(checkerboard_shop)) as connection:
        rows = connection.execute("SELECT user_id, item_id FROM lists").fetchall()
        columns = connection.execute("SELECT title, price, embedding FROM items WHERE item_id = 3").fetchone()
    assert len(rows) == 240
    assert all(user % 2 == item % 2 for user, item in rows)
    assert columns == ("black thing 3", 4.0, [-1.0, 0.0])

"""A shop small enough to reason about, and a model fitted on it by the real command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from selfrec.cli.main import run
from tests.program import Ran, selfrec

USERS, ITEMS = 60, 20
QUICK = ("-o", "pipeline.extractors=", "-o", "pipeline.generators=gan", "-o", "generator.gan.epochs=2",
         "-o", "pipeline.ranker=none", "-o", "pipeline.keep=all", "-o", "pipeline.top_k=10")  # fmt: skip


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process."""

    def call(*args: object) -> Ran:
        capfd.readouterr()
        code = run([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


def write_shop(path: Path) -> Path:
    """Even users buy even items, odd users odd ones: 8 of the 10 each, a day apart; product n is named."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"""
            CREATE TABLE interactions AS
            SELECT u AS user_id, 'i' || (2 * ((u // 2 * 3 + day) % 10) + u % 2) AS item_id,
                   TIMESTAMP '2026-01-01' + INTERVAL (day) DAY AS timestamp
            FROM range({USERS}) users(u), range(8) days(day)
            """
        )
        connection.execute(
            f"CREATE TABLE products AS SELECT 'i' || n AS item_id, 'Product ' || n AS name FROM range({ITEMS}) r(n)"
        )
    return path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Ran]:
    """The shop, the model's folder, and what `selfrec fit` printed."""
    folder = tmp_path_factory.mktemp("shop")
    shop, model = write_shop(folder / "shop.duckdb"), folder / "model"
    ran = selfrec("fit", shop, "--out", model, "--items", "products", "--seed", "1", *QUICK)
    assert ran.code == 0, ran.err
    return shop, model, ran


@pytest.fixture
def shop(fitted: tuple[Path, Path, Ran], tmp_path: Path) -> Path:
    """A copy of the shop that the test may write to."""
    return write_shop(tmp_path / "shop.duckdb")


@pytest.fixture(scope="session")
def model(fitted: tuple[Path, Path, Ran]) -> Path:
    """The model's folder; not to be changed."""
    return fitted[1]

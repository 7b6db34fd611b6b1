"""A new plugin of every kind as its author meets it: written, installed with pip, checked, fitted, scored."""

from __future__ import annotations

import duckdb
import pytest

from selfrec.model_folder.reading import open_model
from tests.scaffold.environment import Environment
from tests.shop import make_shop

KINDS = ("extractor", "generator", "ranker")
# The GAN has the features of the new extractor.
USE = ("-o", "pipeline.extractors=my-extractor", "-o", "pipeline.generators=my-generator,gan", "-o",
       "pipeline.ranker=my-ranker", "-o", "generator.gan.epochs=3")  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where the three are written and installed."""
    environment = Environment(tmp_path_factory.mktemp("new"))
    for kind in KINDS:
        environment.run("-m", "selfrec", "plugins", "new", f"my-{kind}", "--kind", kind)
    written = [f"./my-{kind}" for kind in KINDS]
    environment.run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", *written)
    return environment


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_short(environment: Environment, kind: str) -> None:
    assert len((environment.folder / f"my-{kind}/selfrec_my_{kind}.py").read_text().splitlines()) < 60


def test_they_are_listed(environment: Environment) -> None:
    listed = environment.run("-m", "selfrec", "plugins")
    assert [kind for kind in KINDS if f"{kind} my-{kind}" not in listed] == []


def test_their_own_tests_pass(environment: Environment) -> None:
    said = environment.run("-m", "pytest", "-q", "-rp", "-p", "no:cacheprovider", *(f"my-{kind}" for kind in KINDS))
    for kind in KINDS:
        assert f"test_selfrec_my_{kind}.py::test_conformance[{kind}-my-{kind}-" in said


def test_it_is_fitted_and_scored_where_it_is_not_installed(environment: Environment) -> None:
    shop = make_shop(environment.folder / "shop.duckdb")
    fit = ["fit", shop, "--table", "events", "--out", "model", "-o", "pipeline.keep=all", "-o", "training.threads=1"]
    environment.selfrec(*fit, *USE)
    used = open_model(environment.folder / "model").manifest.plugins
    assert {f"selfrec-my-{kind}" for kind in KINDS} <= set(used)
    environment.run("-m", "pip", "uninstall", "-q", "-y", *(f"selfrec-my-{kind}" for kind in KINDS))
    environment.selfrec("score", "model", shop, "--into", "lists", "-k", 3)
    with duckdb.connect(str(shop)) as con:
        assert con.execute("SELECT count(*), count(DISTINCT user_id) FROM lists").fetchone() == (720, 240)

"""A new plugin of every kind as its author meets it: written, installed with pip, checked, fitted, scored."""

from __future__ import annotations

import duckdb
import pytest

from selfrec.model_folder.reading import open_model
from tests.scaffold.place import Place
from tests.shop import make_shop

KINDS = ("extractor", "generator", "ranker")
# The GAN has the features of the new extractor.
USE = ("-o", "pipeline.extractors=my-extractor", "-o", "pipeline.generators=my-generator,gan", "-o",
       "pipeline.ranker=my-ranker", "-o", "generator.gan.epochs=3")  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where the three are written and installed."""
    place = Place(tmp_path_factory.mktemp("new"))
    for kind in KINDS:
        place.run("-m", "selfrec", "plugins", "new", f"my-{kind}", "--kind", kind)
    written = [f"./my-{kind}" for kind in KINDS]
    place.run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", *written)
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_short(place: Place, kind: str) -> None:
    assert len((place.folder / f"my-{kind}/selfrec_my_{kind}.py").read_text().splitlines()) < 60


def test_they_are_listed(place: Place) -> None:
    listed = place.run("-m", "selfrec", "plugins")
    assert [kind for kind in KINDS if f"{kind} my-{kind}" not in listed] == []


def test_their_own_tests_pass(place: Place) -> None:
    said = place.run("-m", "pytest", "-q", "-rp", "-p", "no:cacheprovider", *(f"my-{kind}" for kind in KINDS))
    for kind in KINDS:
        assert f"test_selfrec_my_{kind}.py::test_conformance[{kind}-my-{kind}-" in said


def test_it_is_fitted_and_scored_where_it_is_not_installed(place: Place) -> None:
    shop = make_shop(place.folder / "shop.duckdb")
    fit = ["fit", shop, "--table", "events", "--out", "model", "-o", "pipeline.keep=all", "-o", "training.threads=1"]
    place.selfrec(*fit, *USE)
    used = open_model(place.folder / "model").manifest.plugins
    assert {f"selfrec-my-{kind}" for kind in KINDS} <= set(used)
    place.run("-m", "pip", "uninstall", "-q", "-y", *(f"selfrec-my-{kind}" for kind in KINDS))
    place.selfrec("score", "model", shop, "--into", "lists", "-k", 3)
    with duckdb.connect(str(shop)) as con:
        assert con.execute("SELECT count(*), count(DISTINCT user_id) FROM lists").fetchone() == (720, 240)

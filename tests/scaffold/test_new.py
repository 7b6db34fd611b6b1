"""A new plugin as its author meets it: written, installed with pip, checked, fitted, scored."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.scaffold.place import Place
from tests.shop import make_shop

USES = {
    "generator": ["-o", "pipeline.extractors=", "-o", "pipeline.generators=mine"],
    "extractor": ["-o", "pipeline.extractors=mine", "-o", "pipeline.generators=gan", "-o", "generator.gan.epochs=3"],
    "ranker": ["-o", "pipeline.extractors=", "-o", "pipeline.generators=popularity", "-o", "pipeline.ranker=mine"],
}


@pytest.mark.parametrize("kind", USES)
def test_it_works_as_it_is_written(kind: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run("-m", "selfrec", "plugins", "new", "mine", "--kind", kind)
    assert len((tmp_path / "mine/selfrec_mine.py").read_text().splitlines()) < 60
    place.run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "./mine")
    assert f"{kind} mine" in place.run("-m", "selfrec", "plugins")
    passed = place.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "mine")
    assert " passed" in passed
    shop = make_shop(tmp_path / "shop.duckdb")
    fit = ["fit", shop, "--table", "events", "--out", "model", "-o", "pipeline.keep=all", "-o", "training.threads=1"]
    place.run("-m", "selfrec", *fit, *USES[kind])
    place.run("-m", "pip", "uninstall", "-q", "-y", "selfrec-mine")
    place.run("-m", "selfrec", "score", "model", shop, "--into", "lists", "-k", 3)
    with duckdb.connect(str(shop)) as con:
        assert con.execute("SELECT count(*), count(DISTINCT user_id) FROM lists").fetchone() == (720, 240)

"""Three distributions as third parties write them: built and installed with pip, checked, fitted, scored.

A closed form (sparse_ease), an extractor that reads columns of the items (item_words) and one that reads the order of
the history (last_items). They import selfrec's public names alone.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import duckdb
import pytest

from selfrec.model_folder.reading import open_model
from tests.scaffold.environment import Environment
from tests.shop import ITEMS_PER_AISLE, aisle_of_item, aisle_of_user, make_shop

HERE = Path(__file__).parent
MODULES = sorted(HERE.glob("*/selfrec_*.py"))
PARTS = {"sparse-ease": "generator", "item-words": "extractor", "last-items": "extractor"}
FIT = (
    "-o", "pipeline.extractors=item-words,last-items", "-o", "pipeline.generators=sparse-ease,gan",
    "-o", "pipeline.ranker=mlp", "-o", "ranker.mlp.epochs=3", "-o", "ranker.mlp.ages=true",
    "-o", "generator.gan.epochs=3", "-o", "generator.gan.condition=both", "-o", "extractor.item-words.width=8",
    "-o", "pipeline.keep=all", "-o", "pipeline.top_k=10", "-o", "training.threads=1",
    # Of the toy shop the newest product alone tells the next one, and this is about aisles.
    "-o", "pipeline.recency=none",
)  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_is_short_and_uses_public_names_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) < 60
    imported = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name and name.startswith("selfrec")} == {"selfrec.plugin"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the three distributions, and a shop whose products have names and embeddings."""
    environment = Environment(tmp_path_factory.mktemp("third"))
    folders = [str(path.parent) for path in MODULES]
    environment.run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", *folders)
    shop = make_shop(environment.folder / "shop.duckdb")
    with duckdb.connect(str(shop)) as con:
        con.execute("ALTER TABLE products ADD COLUMN embedding FLOAT[3]")
        con.execute(
            "UPDATE products SET embedding = [(item_id - 1000) % 2, (item_id - 1000) // 2 % 2, item_id % 7 / 70]"
        )
    return environment


def test_they_are_listed(environment: Environment) -> None:
    listed = {info["name"]: info for info in json.loads(environment.run("-m", "selfrec", "plugins", "list", "--json"))}
    for name, kind in PARTS.items():
        assert (listed[name]["distribution"], listed[name]["version"]) == (f"selfrec-{name}", "0.3.0")
        assert [(part["kind"], part["name"]) for part in listed[name]["parts"]] == [(kind, name)]


@pytest.mark.parametrize(
    ("name", "options"),
    [("sparse-ease", ()), ("item-words", ()), ("item-words", ("-o", "vectors=embedding")), ("last-items", ())],
)
def test_they_keep_every_promise(environment: Environment, name: str, options: tuple[str, ...]) -> None:
    (part,) = json.loads(environment.selfrec("plugins", "check", name, "--json", *options))
    assert [check["check"] for check in part["checks"] if not check["passed"]] == []


def test_two_extractors_a_closed_form_a_second_network_and_a_ranker_with_times(environment: Environment) -> None:
    """All of them in one pipeline, scored where none of them is installed."""
    shop = environment.folder / "shop.duckdb"
    environment.selfrec("fit", shop, "--table", "events", "--items", "products", "--out", "model", *FIT)
    model = open_model(environment.folder / "model")
    used = model.manifest.plugins
    assert {used[f"selfrec-{name}"] for name in PARTS} == {"0.3.0"}
    assert model.extra_inputs == ("ages",)
    assert "embedding" not in model.catalog.table.column_names
    environment.run("-m", "pip", "uninstall", "-q", "-y", *(f"selfrec-{name}" for name in PARTS))
    environment.selfrec("score", "model", shop, "--into", "lists", "-k", ITEMS_PER_AISLE - 8)
    with duckdb.connect(str(shop)) as con:
        rows = con.execute("SELECT user_id, item_id FROM lists").fetchall()
    assert len(rows) == 240 * (ITEMS_PER_AISLE - 8)
    right = sum(aisle_of_user(user) == aisle_of_item(item) for user, item in rows)
    assert right / len(rows) > 0.9


def test_vectors_alone_tell_the_aisles_apart(environment: Environment) -> None:
    """A content extractor on an embedding; the GAN learns from its features and sees nothing else."""
    environment.run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", str(HERE / "item_words"))
    shop = environment.folder / "shop.duckdb"
    fit = [
        "-o", "pipeline.extractors=item-words", "-o", "extractor.item-words.vectors=embedding",
        "-o", "extractor.item-words.width=3", "-o", "pipeline.generators=gan", "-o", "generator.gan.condition=features",
        "-o", "generator.gan.epochs=40", "-o", "generator.gan.learning_rate=0.01", "-o", "pipeline.keep=all",
        "-o", "pipeline.top_k=10", "-o", "training.threads=1",
    ]  # fmt: skip
    environment.selfrec("fit", shop, "--table", "events", "--items", "products", "--out", "content", *fit)
    environment.selfrec("score", "content", shop, "--into", "content", "-k", 3)
    with duckdb.connect(str(shop)) as con:
        rows = con.execute("SELECT user_id, item_id FROM content").fetchall()
    right = sum(aisle_of_user(user) == aisle_of_item(item) for user, item in rows)
    assert right / len(rows) > 0.9

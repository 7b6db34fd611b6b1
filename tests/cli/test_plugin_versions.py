"""A killed fit and the plugin that it was fitted with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli, write_shop
from tests.cli.test_plugin_commands import install

PAIR = """
import os
from selfrec.plugin import Generator, PartOptions, hookimpl

def build(options, sizes):
    import torch

    class Same(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scores", torch.arange(sizes.items).float())

        def generate(self, batch, features):
            return self.scores.expand(batch.history.shape[0], -1) + 0 * batch.weights.sum(1, keepdim=True)

    return Same()

def train(module, fitting):
    if fitting.part.record.name == "second" and "FALL" in os.environ:
        raise LookupError("not today")

@hookimpl
def selfrec_generators():
    for name in ("first", "second"):
        yield Generator(name=name, summary="Same.", options=PartOptions, build=build, trainer=train)
"""


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.0", "generator.first: trained before this fit was stopped, loaded"),
        ("2.0", "nothing to resume: no unfinished fit of this source, configuration and plugins; starting anew"),
    ],
)
def test_a_fit_goes_on_with_the_version_that_it_began_with(
    version: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    """Half a pipeline of one version and half of another would be a model that nobody can make again."""
    install(tmp_path, monkeypatch, "pair", PAIR)
    shop = write_shop(tmp_path / "shop.duckdb")
    options = ("-o", "pipeline.extractors=", "-o", "pipeline.generators=first,second", "-o", "pipeline.keep=all")
    monkeypatch.setenv("FALL", "1")
    ran = cli("fit", shop, "--out", tmp_path / "model", *options)
    assert "generator 'second': training failed: LookupError: not today (selfrec_pair.py, line 20)" in ran.err
    monkeypatch.delenv("FALL")
    metadata = tmp_path / "pair-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", version))
    ran = cli("fit", shop, "--out", tmp_path / "model", *options, "--resume")
    assert ran.code == 0, ran.err
    assert told in ran.out

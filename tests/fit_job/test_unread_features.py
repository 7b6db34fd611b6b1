"""Extractors that nothing reads are told of, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import write_shop
from tests.cli.test_plugin_commands import install
from tests.program import selfrec

PARTS = """
from selfrec.plugin import FeatureExtractor, Generator, PartOptions, Ranker, hookimpl

def counted(options, sizes):
    import torch

    class Counted(torch.nn.Module):
        width = 1

        def extract(self, batch):
            return batch.weights.sum(1, keepdim=True)

    return Counted()

def scored(reads):
    def build(options, sizes):
        import torch

        class Scored(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("scores", torch.arange(sizes.items).float())

            def generate(self, batch, features):
                own = features.sum(1, keepdim=True) if reads else batch.weights.sum(1, keepdim=True)
                return self.scores * own

        return Scored()
    return build

def ranked(options, sizes):
    import torch

    class Ranked(torch.nn.Module):
        def rank(self, batch, features, candidates, scores):
            return scores.sum(2) * features.sum(1, keepdim=True) + 0.1 * candidates * features.sum(1, keepdim=True)

    return Ranked()

def gated(options, sizes):
    import torch

    class Gated(torch.nn.Module):
        def rank(self, batch, features, candidates, scores):
            return scores.sum(2) * features.sum(1, keepdim=True).sigmoid()

    return Gated()

def train(module, fitting):
    pass

@hookimpl
def selfrec_feature_extractors():
    yield FeatureExtractor(name="counted", summary="Counted.", options=PartOptions, build=counted, trainer=train)

@hookimpl
def selfrec_generators():
    for name, reads in (("blind", False), ("seeing", True)):
        yield Generator(name=name, summary="Scored.", options=PartOptions, build=scored(reads), trainer=train)

@hookimpl
def selfrec_rankers():
    yield Ranker(name="seeing", summary="Ranked.", options=PartOptions, build=ranked, trainer=train)
    yield Ranker(name="gated", summary="Gated.", options=PartOptions, build=gated, trainer=train)
"""

TOLD = (
    "\nNote: extractor 'counted': no generator or ranker of this fit reads its features, so it changes no list; leave "
    "it out of pipeline.extractors, or name a part that reads features\n"
)


@pytest.mark.parametrize(
    ("generators", "ranker", "told"),
    [("blind", "none", True), ("blind,seeing", "none", False), ("blind", "seeing", False), ("blind", "gated", False)],
)
def test_an_extractor_that_nothing_reads(
    generators: str, ranker: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "unread", PARTS)
    shop = write_shop(tmp_path / "shop.duckdb")
    pipeline = {"extractors": "counted", "generators": generators, "ranker": ranker, "keep": "all"}
    options = [word for name, value in pipeline.items() for word in ("-o", f"pipeline.{name}={value}")]
    ran = selfrec("fit", shop, "--out", tmp_path / "model", *options, path=tmp_path)
    assert ran.code == 0, ran.err
    assert (TOLD in ran.out) == told, ran.out


def test_an_extractor_with_another_face_is_read_by_it(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    ran = selfrec("fit", shop, "--out", tmp_path / "model", "-o", "pipeline.generators=autoencoder,popularity")
    assert ran.code == 0, ran.err
    assert "reads its features" not in ran.out

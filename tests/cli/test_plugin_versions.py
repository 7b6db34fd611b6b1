"""A killed fit and the plugin that it was fitted with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import write_shop
from tests.cli.test_plugin_commands import install
from tests.program import Ran, selfrec

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


OPTIONS = ("-o", "pipeline.extractors=", "-o", "pipeline.generators=first,second", "-o", "pipeline.keep=all")


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """A fit that the second part stopped, and a function that resumes it."""
    install(tmp_path, monkeypatch, "pair", PAIR)
    shop = write_shop(tmp_path / "shop.duckdb")
    monkeypatch.setenv("FALL", "1")
    ran = selfrec("fit", shop, "--out", tmp_path / "model", *OPTIONS, path=tmp_path)
    assert "generator 'second': training failed: LookupError: not today (selfrec_pair.py, line 20)" in ran.err
    monkeypatch.delenv("FALL")

    def resume(*more: str) -> Ran:
        ran = selfrec("fit", shop, "--out", tmp_path / "model", *OPTIONS, *more, "--resume", path=tmp_path)
        assert ran.code == 0, ran.err
        return ran

    return resume


def test_a_fit_goes_on_with_the_plugin_that_it_began_with(stopped: Callable[..., Ran]) -> None:
    assert "generator.first: trained before this fit was stopped, loaded\n" in stopped().out


def test_a_fit_does_not_go_on_with_another_version(stopped: Callable[..., Ran], tmp_path: Path) -> None:
    """Half a pipeline of one version and half of another would be a model that nobody can make again."""
    metadata = tmp_path / "pair-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", "2.0"))
    told = "cannot go on with the fit that was stopped: plugin 'pair' is of pair 2.0, was of pair 1.0; starting anew\n"
    ran = stopped()
    assert told in ran.out
    assert "loaded" not in ran.out


def test_a_fit_does_not_go_on_with_an_edited_plugin(stopped: Callable[..., Ran], tmp_path: Path) -> None:
    module = tmp_path / "selfrec_pair.py"
    module.write_text(module.read_text().replace("arange(sizes.items)", "arange(sizes.items).flip(0)"))
    told = (
        "cannot go on with the fit that was stopped: the source of plugin 'pair' (pair 1.0) has changed; starting anew"
    )
    ran = stopped()
    assert f"{told}\n" in ran.out
    assert "loaded" not in ran.out


def test_settings_that_are_others_are_named(stopped: Callable[..., Ran]) -> None:
    out = stopped("-o", "pipeline.top_k=9", "-o", "pipeline.candidates=30", "-o", "scoring.k=5", "--seed", "7").out
    assert (
        "cannot go on with the fit that was stopped: pipeline.candidates is 30, was 200, pipeline.top_k is 9, was 100, "
        "scoring.k is 5, was 20, and 1 more; starting anew\n"
    ) in out


def test_without_a_fit_that_was_stopped_there_is_nothing_to_resume(stopped: Callable[..., Ran]) -> None:
    stopped()
    assert "nothing to resume: no fit of this model was stopped; starting anew\n" in stopped().out

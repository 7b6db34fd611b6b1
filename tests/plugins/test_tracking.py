"""Curves for TensorBoard: what a real fit wrote, read back from the event files."""

from __future__ import annotations

import json
import logging
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import selfrec_tracking
from selfrec.host.manager import PluginManager
from tests.cli.conftest import write_shop
from tests.program import selfrec

pytest.importorskip("tensorboardX")

Scalars = dict[tuple[str, int], float]
FIT = (
    "-o", "pipeline.extractors=autoencoder", "-o", "pipeline.generators=autoencoder,gan", "-o", "pipeline.keep=all",
    "-o", "extractor.autoencoder.epochs=2", "-o", "extractor.autoencoder.width=8", "-o", "generator.gan.epochs=3",
    "-o", "training.threads=1",
)  # fmt: skip


def records(path: Path) -> Iterator[bytes]:
    """The records of an event file: length, its checksum, content, its checksum (TFRecord)."""
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield content[12 : 12 + length]
        content = content[16 + length :]


def scalars(run: Path) -> Scalars:
    from tensorboardX.proto.event_pb2 import Event

    found: Scalars = {}
    for path in sorted(run.glob("events.*")):
        for record in records(path):
            event = Event()
            event.ParseFromString(record)
            for value in event.summary.value:
                assert (value.tag, event.step) not in found
                found[value.tag, event.step] = value.simple_value
    return found


def test_a_fit_writes_every_figure_of_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    monkeypatch.setenv("SELFREC_TRACK_DIR", str(tmp_path / "curves"))
    ran = selfrec("fit", shop, "--out", tmp_path / "model", "--log-json", tmp_path / "log.jsonl", *FIT)
    assert ran.code == 0, ran.err
    wanted: list[Scalars] = [{}, {}]
    phases = {"selection": 0, "refit": 1}
    for event in map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines()):
        if event["event"] == "training":
            training = event
        if event["event"] == "epoch":
            for figure, value in event["metrics"].items():
                tag = f"{training['kind']}/{event['label']}/{figure.replace('@', '_at_')}"
                wanted[phases[training["phase"]]][tag, event["number"]] = value
    (process,) = (tmp_path / "curves").iterdir()
    got = [scalars(process / "1"), scalars(process / "2")]
    assert {tag for tag, _ in got[0]} >= {
        "generator/gan/loss",
        "generator/gan/ndcg_at_20",
        "extractor/autoencoder/loss",
    }
    for run, own in zip(got, wanted, strict=True):
        assert run.keys() == own.keys()
        assert all(run[key] == pytest.approx(own[key], rel=1e-6) for key in run)


def test_nothing_is_written_or_imported_unless_asked(tmp_path: Path) -> None:
    code = (
        "import sys, selfrec_tracking; selfrec_tracking.selfrec_epoch_end('generator', 'gan', 1, {'loss': 1.0});"
        "print([name for name in ('tensorboardX', 'torch', 'selfrec_tracking.curves') if name in sys.modules])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "SELFREC_TRACK_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_epochs_that_begin_again_are_another_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFREC_TRACK_DIR", str(tmp_path))
    for plugin, epoch, loss in [("a", 1, 4.0), ("a", 2, 3.0), ("b", 1, 9.0), ("a", 1, 2.0), ("b", 3, 8.0)]:
        selfrec_tracking.selfrec_epoch_end("generator", plugin, epoch, {"loss": loss})
    (process,) = tmp_path.iterdir()
    assert scalars(process / "1") == {
        ("generator/a/loss", 1): 4,
        ("generator/a/loss", 2): 3,
        ("generator/b/loss", 1): 9,
        ("generator/b/loss", 3): 8,
    }
    assert scalars(process / "2") == {("generator/a/loss", 1): 2}


def test_a_missing_package_is_said_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SELFREC_TRACK_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    plugins = PluginManager.load()
    with caplog.at_level(logging.WARNING):
        for epoch in (1, 2):
            plugins.epoch_end("generator", "gan", epoch, {"loss": 0.5})
    assert [record.getMessage() for record in caplog.records] == [
        "plugin 'tracking' failed in selfrec_epoch_end and is told no more: ModuleNotFoundError: SELFREC_TRACK_DIR "
        "needs the package tensorboardX: pip install 'selfrec[tracking]'"
    ]

"""A model is written whole or not at all, and takes the place of nothing but a model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfrec import files
from selfrec.errors import ModelError
from selfrec.files import replace_path
from selfrec.model_folder.reading import open_model
from selfrec.model_folder.writing import ModelWriter, replace_file
from tests.model_folder.altered import names
from tests.scoring.shops import next_item_model


def test_a_link_to_the_folder_is_followed_and_kept(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("model")
    assert open_model(tmp_path / "current").path == folder
    next_item_model(tmp_path / "current", 6, 3)
    assert (tmp_path / "current").is_symlink()
    assert open_model(folder).top_k == 3


def fail_halfway(folder: Path) -> None:
    with ModelWriter(folder) as writer:
        (writer.folder / "model.onnx").write_bytes(b"half")
        raise ZeroDivisionError


def commit_halfway(folder: Path) -> None:
    with ModelWriter(folder) as writer:
        (writer.folder / "model.onnx").write_bytes(b"half")
        writer.commit(open_model(folder).manifest)


def test_a_failed_write_leaves_the_old_model(folder: Path, tmp_path: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ZeroDivisionError):
        fail_halfway(folder)
    with pytest.raises(ModelError, match=r"items\.parquet was not written"):
        commit_halfway(folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert names(tmp_path) == ["model"]


def test_leftovers_of_a_killed_writer_are_removed(folder: Path, tmp_path: Path) -> None:
    script = (
        "import os, sys; from selfrec.model_folder.writing import ModelWriter\n"
        "ModelWriter(sys.argv[1]).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=False, cwd=Path(__file__).parents[2])
    assert len(names(tmp_path)) == 2
    next_item_model(folder)
    assert names(tmp_path) == ["model"]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ModelError, match="holds other files and no model"):
        next_item_model(tmp_path / "photos")
    with pytest.raises(ModelError, match="a file of this name"):
        next_item_model(tmp_path / "photos" / "cat.jpg")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


@pytest.mark.parametrize("manifest", ['{"name": "an app"}', "no JSON", "[]"])
def test_a_folder_with_a_manifest_of_another_program_is_not_replaced(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match="holds other files and no model"):
        next_item_model(tmp_path / "app")
    assert names(tmp_path / "app") == ["manifest.json"]


@pytest.mark.parametrize("damage", ["", "{", '{"format_version": 99, "files": 7}'])
def test_a_damaged_model_can_be_replaced(folder: Path, damage: str) -> None:
    (folder / "manifest.json").write_text(damage)
    (folder / "report.html").write_text("of an earlier fit")
    (folder / ".DS_Store").write_text("of the system")
    next_item_model(folder)
    assert names(folder) == ["items.parquet", "manifest.json", "model.onnx"]


def test_what_somebody_put_into_a_model_folder_is_not_taken_away(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / ".git").mkdir()
    with pytest.raises(ModelError, match=r"holds '\.git' and 1 more beside its model, .*; move what is yours"):
        next_item_model(folder)
    assert open_model(folder).n_items == 6
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_swap_without_exchange_is_recovered(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that cannot exchange two names, a crash may fall between two renames."""
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    (tmp_path / "new").mkdir()
    replace_path(tmp_path / "new", folder)
    assert names(folder) == []
    folder.rmdir()
    next_item_model(folder)
    folder.rename(tmp_path / ".model.old")
    assert open_model(folder).n_items == 6


def test_a_further_file_gets_its_hash(folder: Path) -> None:
    replace_file(folder, "report.html", b"<html>")
    replace_file(folder, "report.html", b"<html></html>")
    open_model(folder).verify()
    assert "report.html" in open_model(folder).manifest.files
    (folder / "report.html").write_bytes(b"<html></HTML>")
    open_model(folder)  # Scoring does not read it.
    with pytest.raises(ModelError, match=r"report\.html: sha256"):
        open_model(folder).verify()

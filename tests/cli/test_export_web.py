"""`selfrec export MODEL DIR --web` as a person types it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def npm(tmp_path: Path) -> Path:
    """The two files of onnxruntime-web as an npm install leaves them; their content is not run here."""
    dist = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    dist.mkdir(parents=True)
    (dist / "ort.wasm.bundle.min.mjs").write_text("/*!\n * ONNX Runtime Web v9.8.7\n */\n")
    (dist / "ort-wasm-simd-threaded.wasm").write_bytes(b"\0asm\1\0\0\0")
    return tmp_path


def test_a_page(cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(npm)
    ran = cli("export", model, "page", "--web")
    assert (ran.code, ran.out.split()[0]) == (0, "page")
    assert "kB model" in ran.out
    assert "onnxruntime-web 9.8.7" in ran.out
    assert "python -m http.server" in ran.err
    assert "Product 7" in (npm / "page" / "items.json").read_text()
    assert cli("export", model, "other", "--web", "--runtime", npm / "node_modules").code == 0


def test_a_page_of_a_smaller_form(cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(npm)
    (npm / "kept.txt").write_text("i3\ni5\ni8\ni9\ni12\n")
    ran = cli("export", model, "page", "--web", "--half", "-k", 3, "--allow", "kept.txt")
    assert ran.code == 0, ran.err
    assert "5 of the model's 20 items" in ran.out
    assert "float16 beside float32" in ran.out
    values = json.loads((npm / "page" / "items.json").read_text())
    assert sorted(values["ids"], key=lambda item: int(item[1:])) == ["i3", "i5", "i8", "i9", "i12"]
    assert values["items"] == 5
    assert values["names"] == [f"Product {item[1:]}" for item in values["ids"]]


def test_the_folder_is_said_as_a_shell_takes_it(
    cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(npm)
    ran = cli("export", model, "my page", "--web")
    assert (ran.code, ran.err) == (0, "look at it with --serve, or: cd 'my page' && python -m http.server\n")


def test_no_page_in_the_place_of_the_root(cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(npm)
    ran = cli("export", model, "/", "--web")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: /: no page can take the place of the root folder; choose another folder\n"


@pytest.mark.parametrize("out", [".", "../here", ".."])
def test_no_page_in_the_place_of_the_working_folder(
    cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (npm / "place" / "here").mkdir(parents=True)
    monkeypatch.chdir(npm / "place" / "here")
    place = npm / "place" if out == ".." else npm / "place" / "here"
    ran = cli("export", model, out, "--web")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"Error: {place}: no page can take the place of the working folder; choose another folder\n"


@pytest.mark.parametrize("out", ["m", "m/page", "link/page"])
def test_no_page_in_a_model_folder(cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    monkeypatch.chdir(npm)
    shutil.copytree(model, "m")
    Path("link").symlink_to("m")
    before = sorted(Path("m").iterdir())
    ran = cli("export", "m", out, "--web")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"Error: {out!r} is in the model folder {str(npm / 'm')!r}; choose a place outside of it\n"
    assert sorted(Path("m").iterdir()) == before


@pytest.mark.parametrize("option", [("--raw-ids",), ("--items",), ("--external-data",), ("--check",)])
def test_what_a_page_has_no_use_of(
    cli: Cli, model: Path, npm: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    monkeypatch.chdir(npm)
    ran = cli("export", model, "page", "--web", *option)
    assert ran.code == 2
    assert option[0] in ran.err
    assert not (npm / "page").exists()


def test_without_the_runtime(cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("export", model, "page", "--web")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("Error: ")
    assert "npm install onnxruntime-web" in ran.err
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("options", [("--serve",), ("--runtime", ".")])
def test_options_of_the_page_alone_are_wrong_usage(
    cli: Cli, model: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    ran = cli("export", model, tmp_path / "x.onnx", *options)
    assert ran.code == 2
    assert "go with --web" in ran.err


def test_serve_until_it_is_ended(model: Path, npm: Path) -> None:
    command = [sys.executable, "-u", "-m", "selfrec", "export", str(model), "page", "--web", "--serve"]
    with subprocess.Popen(command, cwd=npm, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        address = next(found[0] for line in running.stdout if (found := re.findall(r"http://127\.0\.0\.1:\d+/", line)))
        for name, kind in {
            "": "text/html",
            "page.js": "text/javascript",
            "onnxruntime-web.wasm": "application/wasm",
        }.items():
            with urllib.request.urlopen(address + name) as answer:
                assert answer.headers.get_content_type() == kind
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0

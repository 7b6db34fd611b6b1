"""What only a process of its own can meet: names that are no text, a database that is held, plugins that are broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import QUICK, write_shop
from tests.cli.test_bad_input import snapshot
from tests.program import Ran, selfrec


def run(*args: str | bytes, cwd: str | bytes | Path | None = None) -> Ran:
    """The program started by these bytes."""
    command = [sys.executable, "-m", "selfrec", *args]
    done = subprocess.run(command, capture_output=True, check=False, cwd=cwd, timeout=120)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def failed(ran: Ran, code: int, *says: str) -> None:
    assert ran.code == code, ran
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1, ran.err
    assert "unexpected" not in ran.err
    assert [word for word in says if word not in ran.err] == [], ran.err


@pytest.mark.parametrize(
    "args",
    [
        [b"fit", b"sh\xffop.duckdb", b"--out", b"new"],
        [b"score", b"model", b"shop.duckdb", b"--to", b"l\xff.parquet"],
        [b"score", b"model", b"shop.duckdb", b"--into", b"\xff::lists"],
        [b"recommend", b"model", b"--history", b"i1,\xff"],
        [b"\xff"],
    ],
    ids=lambda args: b" ".join(args).decode("latin-1"),
)
def test_an_argument_that_is_no_utf8(args: list[bytes], tmp_path: Path) -> None:
    write_shop(tmp_path / "shop.duckdb")
    before = snapshot(tmp_path)
    failed(run(*args, cwd=tmp_path), 2, "no text in UTF-8", "rename", "\\udcff")
    assert snapshot(tmp_path) == before


def test_a_working_folder_whose_name_is_no_utf8(model: Path, tmp_path: Path) -> None:
    """Relative names are text, but what they lead to is not."""
    folder = os.fsencode(tmp_path) + b"/sh\xffops"
    os.mkdir(folder)
    write_shop(tmp_path / "plain.duckdb")
    write_shop(tmp_path / "shop.duckdb")
    shutil.move(tmp_path / "shop.duckdb", os.fsdecode(folder + b"/shop.duckdb"))
    shutil.copytree(model, os.fsdecode(folder + b"/model"))
    for args in (
        ["score", str(model), "shop.duckdb", "--into", "lists"],
        ["score", str(model), str(tmp_path / "plain.duckdb"), "--to", "lists.parquet"],
        ["inspect", "model"],
    ):
        failed(run(*args, cwd=folder), 1, "no text in UTF-8", "rename")
    assert sorted(os.listdir(folder)) == [b"model", b"shop.duckdb"]


def test_the_working_folder_is_not_replaced(model: Path, tmp_path: Path) -> None:
    """Another folder would take its place, and the shell would stand in one that is gone."""
    shop, here = write_shop(tmp_path / "shop.duckdb"), tmp_path / "here"
    here.mkdir()
    says = ("take the place of the working folder", "another folder")
    failed(run("score", str(model), str(shop), "--to", ".", cwd=here), 1, *says)
    failed(run("fit", str(shop), "--out", ".", cwd=here), 1, *says)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "shop.duckdb"]


@pytest.mark.parametrize("args", ["export {model} x.onnx", "fit {shop} --out {shop}.model", "tune {shop} --out x"])
def test_a_working_folder_that_was_removed(model: Path, tmp_path: Path, args: str) -> None:
    (tmp_path / "here").mkdir()
    shop = write_shop(tmp_path / "shop.duckdb")
    done = subprocess.run(
        ["sh", "-c", f"rmdir ../here; {sys.executable} -m selfrec {args.format(model=model, shop=shop)}"],
        cwd=tmp_path / "here", capture_output=True, check=False,
    )  # fmt: skip
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    failed(ran, 1, "the working folder: No such file or directory", "check the path")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_takes_nothing_is_not_said_of_the_model(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "selfrec", "fit", shop, "--out", "new", *QUICK],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    said = "Error: the output: No space left on device; check where it is written to, and the disk\n"
    assert (done.returncode, done.stderr.decode()) == (1, said)
    assert [path.name for path in tmp_path.iterdir()] == ["shop.duckdb"]


@contextmanager
def held(database: Path) -> Iterator[int]:
    """Another process has the database open for writing; its PID."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"open\n"
    try:
        yield holder.pid
    finally:
        holder.communicate()


def test_a_source_that_another_process_writes(model: Path, tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    before = snapshot(tmp_path)
    with held(shop) as pid:
        for args in (
            ["fit", str(shop), "--out", str(tmp_path / "new")],
            ["evaluate", str(model), str(shop)],
            ["score", str(model), str(shop), "--to", str(tmp_path / "lists.parquet")],
        ):
            failed(selfrec(*args), 1, "shop.duckdb", f"PID {pid}", "close it there")
    assert snapshot(tmp_path) == before


def test_a_fit_waits_for_its_source_as_long_as_it_is_told(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    code = (
        "import sys; from selfrec.source import session; from selfrec.cli.main import main;"
        "session.PATIENCE = 0.1; main(sys.argv[1:])"
    )
    fit = [sys.executable, "-c", code, "fit", str(shop), "--out", str(tmp_path / "new"), *QUICK]
    with held(shop) as pid:
        done = subprocess.run(fit, capture_output=True, text=True, check=False, timeout=120)
        failed(Ran(done.returncode, done.stdout, done.stderr), 1, "shop.duckdb", f"PID {pid}")
        waiting = subprocess.Popen([*fit, "--wait", "100"], stderr=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=6)
    _, errors = waiting.communicate(timeout=120)
    assert (waiting.returncode, (tmp_path / "new" / "model.onnx").exists()) == (0, True), errors


def plugin(folder: Path, name: str, source: str) -> Path:
    """A distribution with one plugin, as pip would leave it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}_module.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[selfrec]\n{name} = {name}_module\n")
    return folder


def test_a_plugin_that_does_not_load_breaks_what_names_it_and_nothing_else(model: Path, tmp_path: Path) -> None:
    site = plugin(tmp_path / "site", "broken", "import a_package_that_is_not_there\n")
    shop = write_shop(tmp_path / "shop.duckdb")
    listed = selfrec("plugins", "list", path=site)
    assert listed.code == 0
    assert "a_package_that_is_not_there" in listed.out
    assert selfrec("score", str(model), str(shop), "--into", "lists", path=site).code == 0
    ran = selfrec("fit", str(shop), "--out", "new", "-o", "pipeline.generators=broken", cwd=tmp_path, path=site)
    failed(ran, 1, "'broken'", "a_package_that_is_not_there")
    assert not (tmp_path / "new").exists()


def test_a_plugin_that_fails_in_training_leaves_no_model(tmp_path: Path) -> None:
    site = plugin(
        tmp_path / "site",
        "fails",
        "from selfrec.plugin import Generator, PartOptions, hookimpl\n"
        "def build(options, sizes): raise ValueError('two\\nlines')\n"
        "@hookimpl\n"
        "def selfrec_generators():\n"
        "    yield Generator(name='fails', summary='Fails.', options=PartOptions, build=build)\n",
    )
    shop = write_shop(tmp_path / "shop.duckdb")
    options = ["-o", "pipeline.generators=fails", "-o", "pipeline.extractors=", "-o", "pipeline.ranker=none"]
    ran = selfrec("fit", str(shop), "--out", "new", *options, cwd=tmp_path, path=site)
    failed(ran, 1, "'fails'", "two lines")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.duckdb", "site"]


def test_a_database_that_stays_held_is_waited_for_and_then_named(model: Path, tmp_path: Path) -> None:
    """The target is another file than the source, so the job is done when it comes to write."""
    shop, other = write_shop(tmp_path / "shop.duckdb"), tmp_path / "other.duckdb"
    duckdb.connect(str(other)).close()
    code = (
        "import sys; from selfrec.scoring import targets; from selfrec.cli.main import main;"
        "targets.WAIT_SECONDS = 0.3; main(sys.argv[1:])"
    )
    with held(other) as pid:
        done = subprocess.run(
            [sys.executable, "-c", code, "score", str(model), str(shop), "--into", f"{other}::lists"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    failed(Ran(done.returncode, done.stdout, done.stderr), 1, "other.duckdb", f"PID {pid}", "old result stands")

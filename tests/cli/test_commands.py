"""Commands on a real model: exit code, output, and what they leave behind."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from tests.cli.conftest import ITEMS, USERS, Cli
from tests.program import selfrec as selfrec_process


def test_score_into_a_table(cli: Cli, model: Path, shop: Path) -> None:
    ran = cli("score", model, shop, "--into", "recommendations", "-k", "3")
    assert ran.code == 0, ran.err
    assert ran.err == ""
    # A long path goes on in a second line.
    named = [line.split()[0] for line in ran.out.splitlines() if not line.startswith(" ")]
    assert named == ["written", "users", "rows", "time", "peak"]
    with duckdb.connect(str(shop)) as connection:
        rows = connection.execute("FROM recommendations ORDER BY user_id, rank").fetchall()
        seen = connection.execute(
            "SELECT count(*) FROM recommendations JOIN interactions USING (user_id, item_id)"
        ).fetchone()
    # Eight of the ten items of each parity are seen: two are left, and one of the others.
    assert seen == (0,)
    assert [row[:2] for row in rows] == [(user, rank) for user in range(USERS) for rank in (1, 2, 3)]


def test_score_to_a_file_as_json(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    deny = tmp_path / "deny.csv"
    deny.write_text("item_id\n" + "".join(f"i{n}\n" for n in range(0, ITEMS, 2)))
    target = tmp_path / "lists.parquet"
    ran = cli("score", model, shop, "--to", target, "--deny", deny, "--json")
    assert ran.code == 0, ran.err
    summary = json.loads(ran.out)
    table = pq.read_table(target)
    assert (summary["users"], summary["rows"]) == (USERS, table.num_rows)
    assert {int(item[1:]) % 2 for item in table.column("item_id").to_pylist()} == {1}


def test_score_usage(cli: Cli, model: Path, shop: Path) -> None:
    ran = cli("score", model, shop)
    assert (ran.code, ran.err) == (2, "Error: name one target: --into TABLE, or --to FILE.parquet or a folder\n")
    ran = cli("score", model, shop, "--into", "x", "-k", "11")
    assert ran.code == 2
    assert "k = 11" in ran.err
    ran = cli("score", model, shop, "--into", "x", "-k", "0")
    assert ran.code == 2
    assert ran.err.startswith("Error: option '-k' is 0")


def test_recommend(cli: Cli, model: Path) -> None:
    ran = cli("recommend", model, "--history", "i2, i4,nothing", "-k", "4")
    assert ran.code == 0
    assert ran.err == "not in the catalog: nothing\n"
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["rank", "item_id", "name", "score"]
    assert [line[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    for _, item, word, number, _ in lines[1:]:
        assert (word, number) == ("Product", item[1:])
        assert item not in ("i2", "i4")
    ran = cli("recommend", model, "--history", "nothing")
    assert ran.err == "not in the catalog: nothing; without a known item, these are the most popular ones\n"
    values = json.loads(cli("recommend", model, "--history", "i2", "-k", "2", "--json").out)
    assert [line["rank"] for line in values["items"]] == [1, 2]
    assert values["unknown"] == []
    cold = json.loads(cli("recommend", model, "--history", "", "--json").out)
    assert len(cold["items"]) == 10


def test_inspect(cli: Cli, model: Path) -> None:
    ran = cli("inspect", model)
    assert ran.code == 0
    assert "20 items; every one was chosen by 5 users or more" in ran.out
    assert "in  history    int64[batch, length]" in ran.out
    [pipeline] = [line for line in ran.out.splitlines() if line.startswith("pipeline")]
    assert re.fullmatch(r"pipeline      generator gan(, recency \((position|age) \^ -[\d.]+\))?; stage '.+'", pipeline)
    assert "float32[20]" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    values = json.loads(cli("inspect", model, "--json").out)
    assert (values["n_items"], values["top_k"], values["min_users_per_item"]) == (20, 10, 5)
    assert values["manifest"]["seed"] == 1
    assert [tensor["name"] for tensor in values["tensors"]] == [
        "history",
        "weights",
        "exclude",
        "item_bias",
        "items",
        "scores",
    ]


def test_a_changed_model_is_refused_by_all(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    content = bytearray((broken / "model.onnx").read_bytes())
    content[-1] ^= 1
    (broken / "model.onnx").write_bytes(content)
    for args in (
        ("inspect", broken),
        ("evaluate", broken, shop),
        ("recommend", broken, "--history", "i1"),
        ("score", broken, shop, "--into", "x"),
        ("export", broken, tmp_path / "x.onnx"),
    ):
        ran = cli(*args)
        assert ran.code == 1, args
        assert "the file was altered" in ran.err
        assert len(ran.err.splitlines()) == 1


def test_report(cli: Cli, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    (copy / "report.html").write_text("old")
    # report.html has another hash now; it is what this command mends, so nothing else may be wrong.
    page = tmp_path / "page.html"
    assert cli("report", model, "--to", page).out.strip() == str(page)
    assert page.read_text() == (model / "report.html").read_text()


def test_export(cli: Cli, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "graph.onnx"
    ran = cli("export", model, out)
    assert (ran.code, ran.out.strip()) == (0, str(out))
    assert out.read_bytes() == (model / "model.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.onnx"]
    assert cli("export", model, tmp_path / "graph.pb").code == 1


def test_init(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "selfrec.toml"
    assert cli("init", path).code == 0
    text = path.read_text()
    assert tomllib.loads(text)["preset"] == "default"
    for heading in ("# [generator.gan]", "# [extractor.autoencoder]", "# [ranker.mlp]"):
        assert heading in text
    ran = cli("init", path)
    assert (ran.code, ran.err) == (1, f"Error: {str(path)!r} exists; name another file or use --force\n")
    assert cli("init", path, "--force", "--preset", "classic").code == 0
    assert tomllib.loads(path.read_text())["preset"] == "classic"
    assert cli("init", "-").out == text


def test_plugins(cli: Cli) -> None:
    listed = json.loads(cli("plugins", "list", "--json").out)
    shipped = {plugin["name"]: plugin["status"] for plugin in listed if plugin["distribution"] == "selfrec"}
    assert shipped == dict.fromkeys(
        ("autoencoder", "ease", "gan", "itemknn", "mlp", "popularity", "tracking"), "loaded"
    )
    shown = cli("plugins", "show", "gan")
    assert shown.code == 0
    assert "epochs" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    ran = cli("plugins", "show", "gam")
    assert (ran.code, ran.err) == (1, "Error: unknown plugin or part 'gam'; did you mean 'gan'?\n")


def test_progress_is_silent_off_a_terminal(model: Path, shop: Path) -> None:
    ran = selfrec_process("score", model, shop, "--into", "recommendations")
    assert (ran.code, ran.err) == (0, "")

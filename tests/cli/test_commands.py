"""Every command on a real model: exit code, output, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import selfrec
from selfrec.cli.sparing import WITHOUT_PANDAS
from selfrec.errors import SettingsError, TargetError
from tests.cli.conftest import ITEMS, QUICK, USERS, Cli
from tests.program import Ran
from tests.program import selfrec as selfrec_process
from tests.scoring.shops import next_item_model
from tests.scoring.shops import write_shop as write_events


def test_fit_prints_every_rule_and_every_stage(fitted: tuple[Path, Path, Ran]) -> None:
    _, model, ran = fitted
    lines = ran.out.splitlines()
    assert lines[0].split() == ["cleaning", "rows", "before", "dropped", "note"]
    assert lines[1].split()[:4] == ["null", "ids", "480", "0"]
    table = lines.index(next(line for line in lines if line.startswith("on the validation part")))
    assert lines[table].split() == [
        "on",
        "the",
        "validation",
        "part",
        "ndcg@20",
        "recall@20",
        "coverage@20",
        "exported",
    ]
    rows = [line.split() for line in lines[table + 1 :]]
    assert [row[0] for row in rows[:2]] == ["popularity", "gan"]
    assert [row[:2] for row in rows[2:]] == [["+", "recency"]]
    assert [row[-1] for row in rows].count("yes") == 1
    assert max(map(len, lines)) <= 100
    assert ran.err == ""
    assert {path.name for path in model.iterdir()} >= {"manifest.json", "model.onnx", "items.parquet", "report.html"}


def test_a_reader_of_a_fit_who_goes_away(shop: Path, tmp_path: Path) -> None:
    """`| head` is no failure of the model's folder."""
    command = [sys.executable, "-m", "selfrec", "fit", shop, "--out", tmp_path / "model", *QUICK]
    line = f"{shlex.join(map(str, command))} | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("cleaning")
    assert done.stderr == ""


def test_fit_names_what_is_wrong(cli: Cli, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    ran = cli("fit", shop, "--out", out, "-o", "generator.autoencoder.epohcs=3")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: unknown option 'generator.autoencoder.epohcs'; did you mean ")
    ran = cli("fit", tmp_path / "none.duckdb", "--out", out)
    assert ran.code == 1
    assert ran.err.startswith("Error: ")
    assert len(ran.err.splitlines()) == 1
    ran = cli("fit", shop, "--out", out, "--table", "interactoins")
    assert ran.code == 1
    assert "interactions" in ran.err
    assert cli("fit", shop).code == 2
    assert not out.exists()


def test_one_seed_gives_one_graph(cli: Cli, fitted: tuple[Path, Path, Ran], tmp_path: Path) -> None:
    shop, model, _ = fitted
    again = tmp_path / "again"
    ran = cli("fit", shop, "--out", again, "--items", "products", "--seed", "1", "--quiet", *QUICK)
    assert ran.code == 0
    assert (again / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()


def test_evaluate(cli: Cli, model: Path, shop: Path) -> None:
    ran = cli("evaluate", model, shop)
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == [
        "users",
        "metric",
        "model",
        "popularity",
        "difference",
        "95%",
        "interval",
    ]
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "Note:" not in ran.out
    values = json.loads(cli("evaluate", model, shop, "--json").out)
    assert values["users"] == USERS
    assert values["notes"] == []
    assert values["groups"][0]["name"] == "all users"


def test_evaluate_says_when_the_source_has_changed(cli: Cli, model: Path, shop: Path) -> None:
    with duckdb.connect(str(shop)) as connection:
        connection.execute("DELETE FROM interactions WHERE user_id = 0")
    ran = cli("evaluate", model, shop)
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("Note: the source has other rows than the one the model was fitted on")


def test_evaluate_says_which_columns_are_gone(cli: Cli, model: Path, shop: Path) -> None:
    with duckdb.connect(str(shop)) as connection:
        connection.execute("ALTER TABLE interactions DROP COLUMN timestamp")
    ran = cli("evaluate", model, shop)
    assert ran.code == 0
    told = " ".join(ran.out.split())
    assert "the model was fitted with times (column 'timestamp'), and the source has none" in told
    assert "what is held out is chosen by what there is, now by the split 'random'" in told


def test_evaluate_says_how_days_were_read(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    events, later = tmp_path / "events.csv", tmp_path / "later.csv"
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "COPY (SELECT user_id, item_id, strftime(timestamp, '%d/%m/%Y') AS timestamp FROM interactions) "
            f"TO '{events}'"
        )
    later.write_text("user_id,item_id,timestamp\n1,i0,01/02/2026\n")
    ran = cli("evaluate", model, events)
    assert "Note: column 'timestamp': times are taken for day/month/year" in " ".join(ran.out.split())
    notes = json.loads(cli("evaluate", model, events, "--test", later, "--json").out)["notes"]
    assert [note.partition(": times are taken for day/month/year")[0] for note in notes] == [
        f"{name}: column 'timestamp'" for name in (events, later)
    ]


def test_evaluate_rows_that_are_given_apart(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.parquet"
    with duckdb.connect(str(shop)) as connection:
        # User 1 is to be given i0, which no list of odd items holds before its end; user 2 something unknown.
        connection.execute(
            "COPY (SELECT * FROM (VALUES (1::BIGINT, 'i0', TIMESTAMP '2026-02-01'), "
            f"(2, 'new', TIMESTAMP '2026-02-01')) t(user_id, item_id, timestamp)) TO '{hidden}'"
        )
    values = json.loads(cli("evaluate", model, shop, "--test", hidden, "--json").out)
    assert (values["users"], values["hidden_items"], values["hidden_outside_catalog"]) == (2, 2, 1)
    assert [note[:61] for note in values["notes"]] == ["1 of 2 hidden items are not in the model's catalog, for they "]
    with duckdb.connect(str(shop)) as connection:
        connection.execute(f"CREATE TABLE later AS FROM read_parquet('{hidden}')")
    assert json.loads(cli("evaluate", model, shop, "--test", f"{shop}::later", "--json").out) == values
    ran = cli("evaluate", model, shop, "--test", tmp_path / "none.parquet")
    assert ran.code == 1
    assert "none.parquet" in ran.err


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


def test_scoring_imports_nothing_of_the_training_side(model: Path, shop: Path) -> None:
    code = (
        "import sys; from selfrec.cli.main import run;"
        f"model, shop = {str(model)!r}, {str(shop)!r};"
        "codes = [run(args) for args in (['score', model, shop, '--into', 'r'], ['evaluate', model, shop],"
        "['recommend', model, '--history', 'i1'], ['inspect', model])];"
        "loaded = [m for m in sys.modules if m.split('.')[0] in"
        "('torch', 'onnx', 'onnxscript', 'safetensors', 'pluggy') or m.startswith('selfrec_')];"
        "sys.exit(f'{codes} {loaded}' if any(codes) or loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", WITHOUT_PANDAS)
def test_commands_on_one_model_leave_pandas_alone(command: str, model: Path, shop: Path, tmp_path: Path) -> None:
    """pyarrow imports it wherever it is installed."""
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was imported')")
    further = {
        "score": [shop, "--into", "r"],
        "recommend": ["--history", "i1"],
        "explain": [shop, "--user", "7"],
        "similar": ["i1"],
        "audience": [shop, "--item", "i1"],
        "inspect": [],
    }
    line = [sys.executable, "-m", "selfrec", command, str(model), *map(str, further[command])]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=surroundings)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_verbs_in_python(model: Path, shop: Path, tmp_path: Path) -> None:
    loaded = selfrec.load(model)
    lines = loaded.recommend(["i2", "i4"], k=3)
    assert [line.rank for line in lines] == [1, 2, 3]
    assert lines[0].name == f"Product {lines[0].item_id[1:]}"
    summary = loaded.score(shop, to=tmp_path / "lists.parquet", k=2)
    assert (summary.users, summary.rows) == (USERS, 2 * USERS)
    assert loaded.evaluate(shop).users == USERS
    some = tmp_path / "some.csv"
    some.write_text("user_id\n1\n2\n")
    assert loaded.score(shop, to=tmp_path / "two.parquet", users=some, k=2).rows == 4
    with pytest.raises(SettingsError, match=r"unknown option 'scoring.kk'"):
        loaded.score(shop, into="x", kk=2)
    assert repr(loaded).endswith("20 items, lists of up to 10>")


def test_what_python_takes_and_refuses(
    model: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = selfrec.load(model)
    assert loaded.recommend(item for item in ("i2", "i4")) == loaded.recommend(["i2", "i4"], 10)
    assert loaded.recommend(["i2"], 2, weights=[1e300]) == loaded.recommend(["i2"], 2, weights=[1e15])
    assert loaded.score(shop, into=tmp_path / "other.duckdb::lists", k=2).rows == 2 * USERS
    with pytest.raises(SettingsError, match="is a model folder, no source"):
        loaded.score(model, to=tmp_path / "x.parquet")
    with pytest.raises(SettingsError, match="is a model folder, no source"):
        loaded.evaluate(model)
    monkeypatch.chdir(tmp_path)
    for place, why in (("-", "^to: '-': the result cannot go to standard output"), ("", "^to: the path is empty")):
        with pytest.raises(SettingsError, match=why):
            loaded.score(shop, to=place)
        with pytest.raises(SettingsError, match=why.replace("to", "out", 1)):
            selfrec.fit(shop, place)
    assert not (tmp_path / "-").exists()
    held = [{"a": 1}, duckdb.connect(str(shop))]
    for value in held:
        for name in ("users", "deny"):
            with pytest.raises(
                TypeError, match=rf"^{name} is a {type(value).__name__}; give a path or the name of a t"
            ):
                loaded.score(shop, to=tmp_path / "x.parquet", **{name: value})
        with pytest.raises(TypeError, match=rf"^source is a {type(value).__name__}; give a path or .* Parquet file"):
            loaded.score(value, to=tmp_path / "x.parquet")
    with pytest.raises(TypeError, match=r"^path is a NoneType; give a path$"):
        selfrec.load(None)
    with pytest.raises(TargetError, match="is open in this very program; close that connection and start again"):
        loaded.score(shop, into="lists")
    held[1].close()


def test_a_list_in_python_is_as_long_as_a_small_model_has_it(tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", 6, 4)
    write_events(tmp_path / "shop.duckdb", [("ann", 100)])
    loaded = selfrec.load(tmp_path / "model")
    assert len(loaded.recommend([100])) == len(loaded.similar(100)) == 4
    assert len(loaded.explain(tmp_path / "shop.duckdb", "ann").items) == 4
    with pytest.raises(SettingsError, match="k = 10"):
        loaded.recommend([100], 10)
    with pytest.raises(ValueError, match="most is -1"):
        loaded.explain(tmp_path / "shop.duckdb", "ann", most=-1)
    with pytest.raises(SettingsError, match="k = 0; ask for at least 1 item"):
        loaded.recommend([100], 0)
    with pytest.raises(SettingsError, match="k is 0; give the number of users"):
        loaded.audience(tmp_path / "shop.duckdb", 100, 0)


def test_the_public_surface() -> None:
    assert sorted(selfrec.__all__) == dir(selfrec)
    for name in selfrec.__all__:
        assert getattr(selfrec, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = selfrec.nothing


def test_fit_is_a_function_twice(shop: Path, tmp_path: Path) -> None:
    options = {"pipeline.extractors": [], "pipeline.generators": ["popularity"], "pipeline.ranker": None}
    for name in ("one", "two"):
        selfrec.fit(shop, tmp_path / name, options=options)
    assert (tmp_path / "one" / "model.onnx").read_bytes() == (tmp_path / "two" / "model.onnx").read_bytes()

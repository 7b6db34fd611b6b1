"""Bad input to the other commands, and all cases of all commands. See bad_case.py for what a line means."""

from __future__ import annotations

from pathlib import Path

from tests.cli.bad_case import Case, bare_model, events
from tests.cli.bad_fits import FIT
from tests.cli.bad_nights import NIGHTS
from tests.cli.bad_places import INTO_A_MODEL, SWAPPED, TOO_LONG
from tests.cli.bad_scores import SCORE, TABLE_OR_PATH


def shop_of_their_own(folder: Path) -> None:
    """A folder `own` whose shop is not the sample."""
    (folder / "own").mkdir()
    (folder / "shop.duckdb").rename(folder / "own" / "shop.duckdb")


EVALUATE = [
    Case("evaluate nowhere shop.duckdb", 1, ("nowhere", "no such model folder", "selfrec fit")),
    Case("evaluate photos shop.duckdb", 1, ("photos", "manifest.json", "model folder")),
    Case("evaluate notes.txt shop.duckdb", 1, ("notes.txt", "is a file", "name the folder of a model")),
    Case("evaluate model none.duckdb", 1, ("none.duckdb", "no such file")),
    Case("evaluate model shop.duckdb --table none", 1, ("no table 'none'", "--table")),
    Case("evaluate model shop.duckdb --threads 0", 2, ("threads", "0")),
    Case("evaluate model shop.duckdb --test none.parquet", 1, ("none.parquet", "no such file")),
    Case("evaluate model shop.duckdb --test a.csv", 1, ("a.csv", "no column 'user_id'"), files={"a.csv": "a,b\n1,2\n"}),
    Case(
        "evaluate model shop.duckdb --table odd",
        1,
        ("shop.duckdb", "catalog", "fitted on"),
        sql=events("user_id, 'new' || item_id AS item_id"),
    ),
    Case(
        "evaluate model shop.duckdb --table odd --quiet",
        1,
        ("'item_id' is BLOB",),
        sql=events("user_id, item_id::BLOB AS item_id"),
    ),
    Case("evaluate model", 2, ("SOURCE",)),
]


OTHERS = [
    Case("explain model shop.duckdb", 2, ("--user",)),
    Case("explain model none.duckdb --user 1", 1, ("none.duckdb", "no such file")),
    Case("explain model shop.duckdb --user someone", 1, ("BIGINT", "--user")),
    Case("similar model i99", 2, ("'i99'",)),
    Case("similar nowhere i1", 1, ("nowhere", "no such model folder")),
    Case("similar model i1 -k 0", 2, ("0",)),
    Case("similar model i1 -k 11", 2, ("k = 11", "at most 10", "pipeline.top_k=11")),
    Case("explain model shop.duckdb --user 1 -k 11", 2, ("k = 11", "at most 10", "pipeline.top_k=11")),
    Case("explain model shop.duckdb --user 1 -k 20000", 2, ("k = 20000", "at most 10", "only 20 items")),
    Case("explain model shop.duckdb --user 1 -k 0", 2, ("'-k'", "0")),
    Case("recommend model --history i1 -k 11", 2, ("k = 11", "at most 10", "pipeline.top_k=11")),
    Case("recommend model --history i1 -k 21", 2, ("k = 21", "at most 10", "only 20 items")),
    Case("audience model shop.duckdb", 2, ("--item",)),
    Case("audience model shop.duckdb --item i99", 2, ("'i99'",)),
    Case("audience model shop.duckdb --item i1 -k 0", 2, ("0",)),
    Case(
        "audience model shop.duckdb --item i1 --table odd",
        1,
        ("table 'odd' of shop.duckdb", "no users to choose among"),
        sql=events("*", "interactions LIMIT 0"),
    ),
    Case(
        "audience model shop.duckdb --item i1 --users head.csv",
        1,
        ("head.csv", "no users to choose among"),
        files={"head.csv": "user_id\n"},
    ),
    Case("recommend model", 2, ("--history",)),
    Case("recommend model --history i1 -k 0", 2, ("'-k'", "0")),
    Case("recommend nowhere --history i1", 1, ("nowhere", "no such model folder")),
    Case("inspect nowhere", 1, ("nowhere", "no such model folder")),
    Case("inspect photos", 1, ("photos", "manifest.json", "model folder")),
    Case("inspect", 2, ("MODEL",)),
    Case("inspect model --jsn", 2, ("--jsn", "--json")),
    Case("report nowhere", 1, ("nowhere", "no such model folder")),
    Case("report model --to notes.txt", 1, ("notes.txt", "something else than a page", "another path")),
    Case("report model --to shop.duckdb", 1, ("shop.duckdb", "something else than a page")),
    Case("report model --to nowhere/page.html", 1, ("nowhere/page.html", "cannot be written")),
    Case("report bare", 1, ("bare", "report.json"), also=bare_model("report.json")),
    Case("export model out.onnx -k 0", 2, ("option '-k' is 0", "greater than or equal to 1")),
    Case("export model out.onnx --web -k 0", 2, ("option '-k' is 0", "greater than or equal to 1")),
    Case("report model --to -", 2, ("'--to'", "standard output", "./-")),
    Case("export model --conformance -", 2, ("'--conformance'", "standard output", "./-")),
    Case(
        "export model g.onnx --allow stock.csv",
        1,
        ("stock.csv", "the name 'i1', which is an id", "'item_id'", ".txt"),
        files={"stock.csv": "i1\ni2\n"},
    ),
    Case("export nowhere out.onnx", 1, ("nowhere", "no such model folder")),
    Case("export model out.pb", 1, ("out.pb", "no .onnx file", "'out.onnx'")),
    Case("export model nowhere/out.onnx", 1, ("nowhere/out.onnx", "cannot be written", "another place")),
    Case("init notes.txt", 1, ("notes.txt", "exists", "--force")),
    Case("init notes.txt --force", 1, ("notes.txt", "no configuration", "name another file")),
    Case("init nowhere/selfrec.toml", 1, ("nowhere/selfrec.toml", "cannot be written")),
    Case("init new.toml --preset defualt", 2, ("'defualt'", "'default'")),
    Case("init photos", 2, ("photos", "directory")),
    Case("plugins show gam", 1, ("'gam'", "'gan'")),
    Case("plugins lsit", 2, ("lsit",)),
    Case("quickstart notes.txt", 2, ("notes.txt",)),
    Case(
        "quickstart own",
        1,
        ("own", "no sample shop", "another folder"),
        also=shop_of_their_own,
    ),
    Case("nothing", 2, ("'nothing'",)),
    Case("--verbos", 2, ("--verbos",)),
    Case("tune none.duckdb --out new.toml", 1, ("none.duckdb", "no such file")),
    Case("tune shop.duckdb --out new.toml --budget ''", 2, ("'search.budget' is ''", "90s")),
    Case("fit shop.duckdb --out new --budget soon", 2, ("soon",)),
]


CASES = [*FIT, *NIGHTS, *EVALUATE, *SCORE, *OTHERS, *TOO_LONG, *INTO_A_MODEL, *SWAPPED, *TABLE_OR_PATH]

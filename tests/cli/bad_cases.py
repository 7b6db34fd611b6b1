"""Bad input to every command; that to `fit` stands in bad_fits.py. See bad_case.py for what a line means."""

from __future__ import annotations

from tests.cli.bad_case import Case, bare_model, cut_in_half, events, linked, made
from tests.cli.bad_fits import FIT
from tests.cli.bad_nights import NIGHTS

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

SCORE_ODD = "score model shop.duckdb --into lists --table odd"

SCORE = [
    Case("score model shop.duckdb", 2, ("--into TABLE", "--to")),
    Case("score model shop.duckdb --into a --to b.parquet", 2, ("one target",)),
    Case("score model shop.duckdb --into lists -k 0", 2, ("'-k'", "0")),
    Case("score model shop.duckdb --into lists -k -3", 2, ("option '-k' is -3",)),
    Case("score model shop.duckdb --into lists -k 11", 2, ("k = 11", "at most 10", "pipeline.top_k=11")),
    Case("score model shop.duckdb --into lists -k ten", 2, ("-k", "'ten'")),
    Case("score model shop.duckdb --into lists --threads 0", 2, ("option '--threads' is 0",)),
    Case("score nowhere shop.duckdb --into lists", 1, ("nowhere", "no such model folder")),
    Case("score model none.duckdb --into lists", 1, ("none.duckdb", "no such file")),
    Case(
        "score model notes.duckdb --into lists", 1, ("notes.duckdb", "DuckDB"), files={"notes.duckdb": "Dear diary, "}
    ),
    Case("score model shop.duckdb --into interactions", 1, ("is the source itself", "another table")),
    Case("score model shop.duckdb --into INTERACTIONS", 1, ("is the source itself", "another table")),
    Case("score model shop.duckdb --into a_view", 1, ("a_view", "is a view", "another name")),
    Case("score model shop.duckdb --into notes", 1, ("notes", "other columns", "another table")),
    Case("score model shop.duckdb --into selfrec_runs", 1, ("selfrec_runs", "table of runs")),
    Case(
        "score model shop.duckdb --into lists --quiet",
        1,
        ("selfrec_runs", "has no column 'run_id'", "rename", "--into FILE.duckdb::TABLE"),
        sql="CREATE TABLE selfrec_runs(a int)",
    ),
    Case(
        "score model shop.duckdb --into lists --changed-only",
        1,
        ("selfrec_runs", "is a view", "rename"),
        sql="CREATE VIEW selfrec_runs AS SELECT '' AS run_id, '' AS result, '' AS model_sha256, '' AS source, "
        "'' AS options, now() AS started, now() AS finished, 1 AS users, 1 AS \"rows\", 1 AS users_per_second, "
        "1 AS peak_memory",
    ),
    Case(
        "score model shop.duckdb --into OLD_LISTS",
        1,
        ("OLD_LISTS", "foreign key of table 'clicks'", "make 'clicks' without that key", "another table"),
        sql="ALTER TABLE old_lists ADD PRIMARY KEY (user_id, rank); "
        "CREATE TABLE clicks (user_id INTEGER, rank INTEGER, FOREIGN KEY (user_id, rank) REFERENCES old_lists)",
    ),
    Case("score model '' --into lists", 1, ("name of the source is empty", "DuckDB file")),
    Case("score model photos --into lists", 1, ("photos: is a folder", "'photos/*.parquet'")),
    Case("score model shop.duckdb --to -", 2, ("'--to'", "standard output", "./-")),
    Case("score model shop.duckdb --to ''", 2, ("'--to'", "the path is empty")),
    Case("report model --to -", 2, ("'--to'", "standard output", "./-")),
    Case("export model --conformance -", 2, ("'--conformance'", "standard output", "./-")),
    Case("score model shop.duckdb --to /", 1, ("/", "root folder", "another folder")),
    Case("score model shop.duckdb --into photos::lists", 1, ("photos is a folder", "FILE.duckdb::lists")),
    Case("score model shop.duckdb --into /::lists", 1, ("/ is a folder", "FILE.duckdb::lists")),
    Case(
        "score model shop.duckdb --into lists --memory-megabytes 99999999999999999999",
        2,
        ("'--memory-megabytes' is 99999999999999999999", "1000000000"),
    ),
    Case("score model shop.duckdb --into nowhere/x.duckdb::lists", 1, ("nowhere", "no such folder")),
    Case("score model shop.duckdb --into notes.txt::lists", 1, ("notes.txt",)),
    Case("score model shop.duckdb --into x.duckdb::", 2, ("'x.duckdb::'", "TABLE")),
    Case("score model events.parquet --into lists", 2, ("--into lists", "no database", "FILE.duckdb::lists")),
    Case(
        "score model shop.duckdb --to notes.parquet",
        1,
        ("notes.parquet", "no earlier result", "another name"),
        files={"notes.parquet": "mine"},
    ),
    Case(
        "score model shop.duckdb --to folder.parquet",
        1,
        ("folder.parquet", "is a folder"),
        also=made("folder.parquet"),
    ),
    Case("score model shop.duckdb --to photos", 1, ("photos", "'cat.jpg'", "another folder")),
    Case("score model shop.duckdb --to notes.txt", 1, ("notes.txt", "is a file")),
    Case("score model shop.duckdb --to notes.txt/lists.parquet", 1, ("notes.txt", "check space and permissions")),
    Case("score model shop.duckdb --into lists --users none.csv", 1, ("none.csv", "no such file")),
    Case("score model shop.duckdb --into lists --users nobdoy", 1, ("no table 'nobdoy'", "'interactions'")),
    Case("score model shop.duckdb --into lists --users none.txt", 1, ("none.txt",)),
    Case("score model shop.duckdb --into lists --users zero.csv", 1, ("zero.csv", "empty"), files={"zero.csv": ""}),
    Case(
        "score model shop.duckdb --into old_lists --users head.csv",
        1,
        ("head.csv", "no users to score", "as it was"),
        files={"head.csv": "user_id\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --users text.csv",
        1,
        ("text.csv", "no BIGINT"),
        files={"text.csv": "user_id\none\n"},
    ),
    Case("score model shop.duckdb --into lists --deny none.txt", 1, ("none.txt", "no such file")),
    Case(
        "score model shop.duckdb --into lists --deny two.csv",
        1,
        ("two.csv", "no column 'item_id'", "Its columns: a, b"),
        files={"two.csv": "a,b\n1,2\n"},
    ),
    Case(
        "score model shop.duckdb --into old_lists --deny stock.csv",
        1,
        ("stock.csv", "the name 'i1', which is an id", "'item_id'", ".txt"),
        files={"stock.csv": "i1\ni2\n"},
    ),
    Case(
        "score model shop.duckdb --into old_lists --users who.csv",
        1,
        ("who.csv", "the name '7', which is an id", "'user_id'"),
        files={"who.csv": "7\n8\n"},
    ),
    Case(
        "export model g.onnx --allow stock.csv",
        1,
        ("stock.csv", "the name 'i1', which is an id", "'item_id'", ".txt"),
        files={"stock.csv": "i1\ni2\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --deny latin.txt",
        1,
        ("latin.txt", "UTF-8"),
        files={"latin.txt": b"\xff\xfe"},
    ),
    Case(
        "score model shop.duckdb --into lists --allow half.parquet",
        1,
        ("half.parquet", "cannot be read"),
        also=cut_in_half("half.parquet"),
    ),
    Case(
        "score model shop.duckdb --into old_lists --allow empty.csv",
        1,
        ("--allow empty.csv", "none of its items", "check the ids", "as it was"),
        files={"empty.csv": "item_id\n"},
    ),
    Case(
        "score model shop.duckdb --to old.parquet --allow strange.txt",
        1,
        ("--allow strange.txt", "none of its items", "check the ids", "as it was"),
        files={"strange.txt": "p1\np2\n"},
    ),
    Case(
        "score model shop.duckdb --into old_lists --changed-only --allow few.csv --deny most.csv",
        1,
        ("--allow few.csv", "not in --deny most.csv", "check the ids", "as it was"),
        files={"few.csv": "item_id\ni1\ni2\n", "most.csv": "item_id\ni2\ni1\ni3\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --boost ids.txt",
        1,
        ("ids.txt", "weight", "CSV"),
        files={"ids.txt": "i1\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --boost b.csv",
        1,
        ("b.csv", "'weight'"),
        files={"b.csv": "item_id,weight\ni1,lots\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --boost c.csv",
        1,
        ("c.csv", "not finite", "number"),
        files={"c.csv": "item_id,weight\ni1,nan\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --boost d.csv",
        1,
        ("d.csv", "not finite", "number"),
        files={"d.csv": "item_id,weight\ni1,\ni2,3\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --boost e.csv",
        1,
        ("e.csv", "not finite", "number"),
        files={"e.csv": "item_id,weight\ni1,1e300\n"},
    ),
    Case(
        "score model shop.duckdb --into lists --item-column user_id", 1, ("item ids are BIGINT", "'i", "--item-column")
    ),
    Case("score model shop.duckdb --into lists --user-column usr", 1, ("no column 'usr'", "--user-column")),
    Case(SCORE_ODD, 1, ("no users to score", "as it was"), sql=events("*", "interactions LIMIT 0")),
    Case(SCORE_ODD + " --quiet", 1, ("no users to score",), sql=events("NULL::BIGINT AS user_id, item_id")),
    Case(
        "score model shop.duckdb --into old_lists --table odd",
        1,
        ("odd", "cannot be read", "boom"),
        sql="CREATE VIEW odd AS SELECT user_id, CASE WHEN user_id = 59 THEN error('boom') ELSE item_id END AS item_id "
        "FROM interactions",
    ),
    Case(
        "score model half.parquet --to old.parquet",
        1,
        ("half.parquet", "cannot be read"),
        also=cut_in_half("half.parquet"),
    ),
    Case(
        "score model ragged.csv --to old_parts",
        1,
        ("ragged.csv", "cannot be read"),
        files={"ragged.csv": "user_id,item_id\n1,i1\n3\n"},
    ),
]

OTHERS = [
    Case("score model shop.duckdb --into lists --wait nan", 2, ("'--wait'", "nan is no number of seconds")),
    Case("score model shop.duckdb --into lists --wait -1", 2, ("'--wait'", "-1.0")),
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
    Case("score model shop.duckdb --into lists --batch-megabytes 0", 2, ("option '--batch-megabytes' is 0", "1")),
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
        also=lambda folder: ((folder / "own").mkdir(), (folder / "shop.duckdb").rename(folder / "own" / "shop.duckdb")),
    ),
    Case("nothing", 2, ("'nothing'",)),
    Case("--verbos", 2, ("--verbos",)),
    Case("tune none.duckdb --out new.toml", 1, ("none.duckdb", "no such file")),
    Case("tune shop.duckdb --out new.toml --budget ''", 2, ("'search.budget' is ''", "90s")),
    Case("fit shop.duckdb --out new --budget soon", 2, ("soon",)),
]

LONG = "n" * 300
"""More than a file system lets a name have; what cannot even be looked at is told like a folder without permission."""
TOO_LONG = [
    Case(f"{args} {name}", 1, ("nnn", "File name too long"))
    for args, name in (
        ("score model shop.duckdb --to", f"{LONG}.parquet"),
        ("score model shop.duckdb --to", LONG),
        ("score model shop.duckdb --into", f"{LONG}.duckdb::lists"),
        ("score model", f"{LONG}.duckdb --into lists"),
        ("score", f"{LONG} shop.duckdb --into lists"),
        ("fit shop.duckdb --out", LONG),
        ("fit", f"{LONG}.parquet --out new"),
        ("fit shop.duckdb --out new --warm-start", LONG),
        ("tune shop.duckdb --out", f"{LONG}.toml"),
        ("init", f"{LONG}.toml"),
        ("inspect", LONG),
        ("report model --to", f"{LONG}.html"),
        ("export model", f"{LONG}.onnx"),
        ("export model --conformance", LONG),
        ("plugins new", LONG),
        ("quickstart", LONG),
    )
]
TOO_LONG += [
    Case(f"score model shop.duckdb --into lists --users {LONG}.csv", 1, ("nnn", "there is no such file")),
    Case(f"fit shop.duckdb --out new --items {LONG}.csv", 1, ("nnn", "there is no such file")),
]

IN_A_MODEL = ("is in the model folder", "outside")
INTO_A_MODEL = [
    Case("export model model/model.onnx -k 5", 1, IN_A_MODEL),
    Case("export model model/other.onnx", 1, IN_A_MODEL),
    Case("export model model/deep/other.onnx", 1, IN_A_MODEL, also=made("model/deep")),
    Case("export model link/model.onnx", 1, IN_A_MODEL, also=linked("link", "model")),
    Case("export model link.onnx --half", 1, IN_A_MODEL, also=linked("link.onnx", "model/model.onnx")),
    Case("export bare model/model.onnx", 1, IN_A_MODEL, also=bare_model("report.json")),
    Case("export model out.onnx --conformance model", 1, IN_A_MODEL),
    Case("report model --to model/model.onnx", 1, IN_A_MODEL),
    Case("report model --to model/manifest.json", 1, IN_A_MODEL),
    Case("init model/manifest.json --force", 1, IN_A_MODEL),
    Case("tune shop.duckdb --out model/manifest.json --force", 1, IN_A_MODEL),
    Case("tune shop.duckdb --out new.toml --study model/manifest.json", 1, IN_A_MODEL),
    Case(
        "evaluate model shop.duckdb --log-json model/manifest.json", 2, ("manifest.json", "something else than a log")
    ),
    Case("score model shop.duckdb --to model/items.parquet", 1, IN_A_MODEL),
    Case("score model shop.duckdb --to model/parts", 1, IN_A_MODEL),
    Case("score model shop.duckdb --to model", 1, IN_A_MODEL),
    Case("score model shop.duckdb --into model/lists.duckdb::lists", 1, IN_A_MODEL),
    Case("fit shop.duckdb --out model/new", 1, IN_A_MODEL),
    Case("fit shop.duckdb --out model/deep/new", 1, IN_A_MODEL),
]

TABLE_OR_PATH = [
    *(
        Case(f"score model shop.duckdb --into {name}", 2, (f"--into {name}: looks like a path", advice))
        for name, advice in (
            ("lists.parquet", "--to lists.parquet"),
            ("LISTS.PQ", "--to LISTS.PQ"),
            ("lists/", "--to lists/,"),
            ("out/lists", "--to out/lists,"),
            ("..", "--to ..,"),
            ("other.duckdb", "--into other.duckdb::TABLE"),
            ("other.db", "--into other.db::TABLE"),
            ("lists.csv", "Parquet, --to FILE.parquet"),
            ("lists.csv.gz", "Parquet, --to FILE.parquet"),
        )
    ),
    Case(
        "score model events.parquet --into lists.parquet", 2, ("no database to hold a table", "is --to lists.parquet")
    ),
    Case("score model events.parquet --into other.duckdb", 2, ("--into other.duckdb::TABLE",)),
    Case("score model shop.duckdb --to new.duckdb", 2, ("results there are Parquet", "--into new.duckdb::TABLE")),
    Case("score model shop.duckdb --to shop.duckdb", 2, ("results there are Parquet", "--into shop.duckdb::TABLE")),
    Case("score model shop.duckdb --to new.db::lists", 2, ("results there are Parquet", "--into new.db::lists")),
    Case("score model none.duckdb --into lists.parquet", 1, ("none.duckdb", "no such file")),
]

SWAPPED = [
    *(
        Case(f"{args} shop.duckdb model {options}", 2, ("model: is a model folder", "shop.duckdb is none", "swapped"))
        for args, options in (
            ("score", "--into lists"),
            ("score", "--to model/lists.parquet"),
            ("evaluate", ""),
            ("explain", "--user 1"),
            ("audience", "--item i1"),
        )
    ),
    Case("score 'events/*.parquet' model --to lists.parquet", 2, ("events/*.parquet is none", "swapped")),
    Case("similar i1 model", 2, ("model: is a model folder", "i1 is none", "swapped", "comes first: model i1")),
    Case("export out.onnx model", 2, ("out.onnx is none", "swapped", "comes first: model out.onnx")),
    Case("export page model --web", 2, ("page is none", "swapped")),
    Case("score model model --into lists", 2, ("model: is a model folder, no source", "DuckDB file")),
    Case("evaluate model model", 2, ("model: is a model folder, no source", "DuckDB file")),
    Case("fit model --out new", 2, ("model: is a model folder, no source", "DuckDB file")),
]

CASES = [*FIT, *NIGHTS, *EVALUATE, *SCORE, *OTHERS, *TOO_LONG, *INTO_A_MODEL, *SWAPPED, *TABLE_OR_PATH]

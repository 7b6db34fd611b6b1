"""Bad input to `score`: targets, sources, lists of users and items. See bad_case.py for what a line means."""

from __future__ import annotations

from tests.cli.bad_case import Case, cut_in_half, events, made

SCORE_ODD = "score model shop.duckdb --into lists --table odd"

SCORE = [
    Case("score model shop.duckdb", 2, ("--into TABLE", "--to")),
    Case("score model shop.duckdb --into a --to b.parquet", 2, ("one target",)),
    Case("score model shop.duckdb --into lists -k 0", 2, ("'-k'", "0")),
    Case("score model shop.duckdb --into lists -k -3", 2, ("option '-k' is -3",)),
    Case("score model shop.duckdb --into lists -k 11", 2, ("k = 11", "at most 10", "pipeline.top_k=11")),
    Case("score model shop.duckdb --into lists -k ten", 2, ("-k", "'ten'")),
    Case("score model shop.duckdb --into lists --threads 0", 2, ("option '--threads' is 0",)),
    Case("score model shop.duckdb --into lists --wait nan", 2, ("'--wait'", "nan is no number of seconds")),
    Case("score model shop.duckdb --into lists --wait -1", 2, ("'--wait'", "-1.0")),
    Case("score model shop.duckdb --into lists --batch-megabytes 0", 2, ("option '--batch-megabytes' is 0", "1")),
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

TABLE_OR_PATH = [
    Case("score model shop.duckdb --into other.duckdb:::lists", 2, ("name a table, or FILE.duckdb::TABLE",)),
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

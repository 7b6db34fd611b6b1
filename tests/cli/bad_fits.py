"""Bad input to `selfrec fit`. See bad_case.py for what a line means."""

from __future__ import annotations

import os

import duckdb

from tests.cli.bad_case import Case, cut_in_half, events

FIT_ODD = "fit shop.duckdb --table odd --out new"
TWO_BYTES = "user_id,item_id\n\xff\xfe\xfd,1\n".encode("latin-1")

FIT = [
    # The source cannot be opened.
    Case("fit none.duckdb --out new", 1, ("none.duckdb", "no such file", "check the path")),
    Case(
        "fit notes.duckdb --out new", 1, ("notes.duckdb", "no DuckDB database"), files={"notes.duckdb": "Dear diary, "}
    ),
    Case("fit empty.duckdb --out new", 1, ("empty.duckdb", "no DuckDB database"), files={"empty.duckdb": ""}),
    Case("fit '' --out new", 1, ("name of the source is empty", "DuckDB file")),
    Case(
        "fit shop.duckdb --out new -o scoring.k=500",
        2,
        ("scoring.k = 500", "pipeline.top_k = 100", "raise pipeline.top_k to 500"),
    ),
    Case("fit shop.duckdb --out -", 2, ("'--out'", "standard output", "./-")),
    Case("fit shop.duckdb --out ''", 2, ("'--out'", "the path is empty")),
    Case("fit - --out new", 1, ("standard input", "write it to a file")),
    Case(
        "fit pipe.csv --out new",
        1,
        ("pipe.csv", "pipe or device", "write it to a file"),
        also=lambda folder: os.mkfifo(folder / "pipe.csv"),
    ),
    Case("fit photos --out new", 1, ("photos", "is a folder", "'photos/*.parquet'")),
    Case("fit 'none-*.parquet' --out new", 1, ("none-*.parquet", "no file matches", "glob")),
    Case(
        "fit 'mixed.*' --out new",
        1,
        ("mixed.*", "several kinds", "narrow the glob"),
        files={"mixed.csv": "user_id,item_id\n", "mixed.parquet": "x"},
    ),
    Case("fit 'two*.db' --out new", 1, ("two*.db", "2 DuckDB files"), files={"two1.db": "", "two2.db": ""}),
    Case(
        "fit bare.duckdb --out new",
        1,
        ("bare.duckdb", "no tables"),
        also=lambda folder: duckdb.connect(str(folder / "bare.duckdb")).close(),
    ),
    Case("fit shop.duckdb --table interactoins --out new", 1, ("'interactoins'", "perhaps 'interactions'", "--table")),
    Case("fit half.parquet --out new", 1, ("half.parquet", "cannot be read"), also=cut_in_half("half.parquet")),
    Case("fit text.parquet --out new", 1, ("text.parquet", "cannot be read"), files={"text.parquet": "no Parquet"}),
    Case("fit zero.parquet --out new", 1, ("zero.parquet", "cannot be read"), files={"zero.parquet": ""}),
    Case("fit zero.csv --out new", 1, ("zero.csv", "is empty", "first line"), files={"zero.csv": ""}),
    Case("fit head.csv --out new", 1, ("head.csv", "no rows"), files={"head.csv": "user_id,item_id\n"}),
    Case(
        "fit ragged.csv --out new",
        1,
        ("ragged.csv", "cannot be read", "ine: 3"),
        files={"ragged.csv": "user_id,item_id\n1,2\n3\n4,5\n"},
    ),
    Case(
        "fit wide.csv --out new",
        1,
        ("wide.csv", "cannot be read", "ine: 3"),
        files={"wide.csv": "user_id,item_id\n1,2\n3,4,5\n"},
    ),
    Case("fit latin.csv --out new", 1, ("latin.csv", "UTF-8"), files={"latin.csv": TWO_BYTES}),
    Case("fit not.csv.gz --out new", 1, ("not.csv.gz", "cannot be read"), files={"not.csv.gz": "user_id,item_id\n"}),
    # The columns are not what they should be.
    Case("fit shop.duckdb --user-column usr --out new", 1, ("no column 'usr'", "--user-column", "'user_id'")),
    Case("fit shop.duckdb --item-column itm --out new", 1, ("no column 'itm'", "--item-column", "'item_id'")),
    Case("fit shop.duckdb --timestamp-column tme --out new", 1, ("no column 'tme'", "--timestamp-column")),
    Case(
        "fit shop.duckdb --weight-column item_id --out new", 1, ("'item_id' is VARCHAR", "numbers", "--weight-column")
    ),
    Case("fit shop.duckdb --event-column timestamp --out new", 1, ("'timestamp' is TIMESTAMP", "--event-column")),
    Case(FIT_ODD, 1, ("'user_id' is DOUBLE", "ids are", "cast it"), sql=events("user_id::DOUBLE AS user_id, item_id")),
    Case(FIT_ODD + " --quiet", 1, ("'item_id' is VARCHAR[]", "ids are"), sql=events("user_id, [item_id] AS item_id")),
    Case(
        FIT_ODD + " --seed 1", 1, ("'user_id' is STRUCT", "ids are"), sql=events("{'a': user_id} AS user_id, item_id")
    ),
    # The rows are of no use.
    Case(FIT_ODD + " --seed 2", 1, ("odd", "no rows"), sql=events("*", "interactions LIMIT 0")),
    Case(
        FIT_ODD + " --seed 3",
        1,
        ("table 'odd' of shop.duckdb", "null ids", "dropped all 480 rows", "--user-column"),
        sql=events("NULL::BIGINT AS user_id, item_id"),
    ),
    Case(
        "fit one.csv --out new",
        1,
        ("one.csv", "dropped the only row; ", "min_users_per_item"),
        files={"one.csv": "user_id,item_id\n1,a\n"},
    ),
    Case(FIT_ODD + " --seed 4", 1, ("odd", "dropped all", "min_users_per_item"), sql=events("1 AS user_id, item_id")),
    Case(
        FIT_ODD + " --seed 5",
        1,
        ("odd", "dropped all", "lower cleaning.min_items_per_user"),
        sql=events("user_id, 'only' AS item_id"),
    ),
    Case(
        FIT_ODD + " --seed 6",
        1,
        ("weight not finite", "--weight-column"),
        sql=events("user_id, item_id, 'nan'::DOUBLE AS weight"),
    ),
    Case(
        FIT_ODD + " --seed 7",
        1,
        ("weight not finite", "--weight-column"),
        sql=events("user_id, item_id, '-inf'::DOUBLE AS weight"),
    ),
    Case(
        FIT_ODD + " --seed 8",
        1,
        ("weight not finite", "--weight-column"),
        sql=events("user_id, item_id, -1.5 AS weight"),
    ),
    Case(
        FIT_ODD + " --seed 9", 1, ("weight not finite", "--weight-column"), sql=events("user_id, item_id, 0 AS weight")
    ),
    Case(
        FIT_ODD + " -o cleaning.missing_weight=drop",
        1,
        ("cleaning.missing_weight", "set a number"),
        sql=events("user_id, item_id, NULL::DOUBLE AS weight"),
    ),
    Case(
        FIT_ODD + " --seed 10",
        1,
        ("'timestamp'", "no time in seconds", "milliseconds / 1000"),
        sql=events("user_id, item_id, epoch_ms(timestamp) AS timestamp"),
    ),
    Case(
        FIT_ODD + " --seed 11",
        1,
        ("odd", "cannot be read", "boom"),
        sql="CREATE VIEW odd AS SELECT user_id, CASE WHEN user_id = 59 THEN error('boom') ELSE item_id END AS item_id "
        "FROM interactions",
    ),
    Case(
        FIT_ODD + " --seed 12",
        1,
        ("odd", "cannot be read", "not a number"),
        sql="CREATE VIEW odd AS SELECT CAST(CASE WHEN user_id = 59 THEN 'not a number' ELSE '7' END AS INTEGER) "
        "AS user_id, item_id FROM interactions",
    ),
    Case(
        FIT_ODD + " --seed 13",
        1,
        ("odd", "cannot be read", "gone"),
        sql="CREATE TABLE gone AS FROM interactions; CREATE VIEW odd AS FROM gone; DROP TABLE gone",
    ),
    Case(
        FIT_ODD + " --seed 14",
        1,
        ("odd", "cannot be read"),
        sql="CREATE VIEW odd AS SELECT content AS user_id, 1 AS item_id FROM read_text('{tmp}/notes.txt')",
    ),
    # Options that do not fit the data.
    Case("fit shop.duckdb --out new -o split.kind=column", 1, ("no column 'split'", "split.column")),
    Case("fit shop.duckdb --out new -o cleaning.exclude_events=bad", 1, ("cleaning.exclude_events", "--event-column")),
    Case("fit shop.duckdb --out new -o events.view=1", 1, ("events is set", "--event-column")),
    Case(
        FIT_ODD + " -o cleaning.half_life_days=9",
        1,
        ("cleaning.half_life_days", "--timestamp-column"),
        sql=events("user_id, item_id"),
    ),
    Case(
        FIT_ODD + " -o events.view=1",
        1,
        ("events not named in [events]", "'buy'"),
        sql=events("user_id, item_id, 'buy' AS event"),
    ),
    Case(
        FIT_ODD + " -o cleaning.exclude_events=buy",
        1,
        ("cleaning.exclude_events", "exclude fewer"),
        sql=events("user_id, item_id, 'buy' AS event"),
    ),
    # Side tables and earlier models.
    Case("fit shop.duckdb --out new --items none.csv", 1, ("none.csv", "no such file")),
    Case("fit shop.duckdb --out new --items producst", 1, ("no table 'producst'", "'products'")),
    Case(
        "fit shop.duckdb --out new --items names.csv",
        1,
        ("names.csv", "no column 'item_id'", "Its columns: a, b"),
        files={"names.csv": "a,b\n1,2\n"},
    ),
    Case(
        "fit shop.duckdb --out new --items half.parquet",
        1,
        ("half.parquet", "cannot be read"),
        also=cut_in_half("half.parquet"),
    ),
    # Before the source is cleaned, which drops all of it.
    Case(
        "fit shop.duckdb --table odd --out model/sub",
        1,
        ("model/sub' is in the model folder",),
        sql=events("1 AS user_id, item_id"),
    ),
    Case(FIT_ODD + " --items none.csv", 1, ("none.csv", "no such file"), sql=events("1 AS user_id, item_id")),
    Case(FIT_ODD + " --warm-start nowhere", 1, ("no such model folder",), sql=events("1 AS user_id, item_id")),
    Case(FIT_ODD + " -o training.device=cuda:9", 2, ("'cuda:9' is not there",), sql=events("1 AS user_id, item_id")),
    Case("fit shop.duckdb --out new --warm-start nowhere", 1, ("nowhere", "no such model folder")),
    Case("fit shop.duckdb --out new --warm-start photos", 1, ("photos", "manifest.json", "model folder")),
    # The target is something else.
    Case("fit shop.duckdb --out notes.txt", 1, ("notes.txt", "in the way", "another folder")),
    Case("fit shop.duckdb --out photos", 1, ("photos", "other files and no model", "another folder")),
    Case("fit shop.duckdb --out notes.txt/model", 1, ("notes.txt/model", "cannot be written")),
    Case("fit shop.duckdb --out /", 1, ("/", "root folder", "another folder")),
    Case("fit shop.duckdb --out model", 1, ("'mine.txt' beside its model", "move"), files={"model/mine.txt": "mine"}),
    Case(
        "fit shop.duckdb --out photos --seed 1",
        1,
        ("photos", "other files and no model"),
        files={"photos/manifest.json": '{"name": "album"}'},
    ),
    Case("fit shop.duckdb --out shop.duckdb", 1, ("shop.duckdb", "in the way")),
    # Options that are none.
    Case("fit shop.duckdb", 2, ("--out",)),
    Case("fit --out new", 2, ("SOURCE",)),
    Case("fit shop.duckdb --ot new", 2, ("--ot", "--out")),
    Case("fit shop.duckdb --out new -o generator.autoencoder.epohcs=3", 2, ("epohcs'", "did you mean", "epochs")),
    Case("fit shop.duckdb --out new -o pipeline.top_k=0", 2, ("'pipeline.top_k' is 0", "1")),
    Case("fit shop.duckdb --out new -o pipeline.top_k=many", 2, ("'pipeline.top_k'", "'many'")),
    Case("fit shop.duckdb --out new -o split.test=nan", 2, ("'split.test'", "nan")),
    Case("fit shop.duckdb --out new -o training.augment=inf", 2, ("'training.augment'", "inf")),
    Case("fit shop.duckdb --out new -o events.view=nan", 2, ("view", "nan")),
    Case("fit shop.duckdb --out new -o epochs", 2, ("'epochs'", "name=value")),
    Case("fit shop.duckdb --out new -o training.device=quantum", 2, ("training.device", "'quantum'", "cpu")),
    Case("fit shop.duckdb --out new -o training.device=meta", 2, ("training.device", "'meta'", "cpu")),
    Case("fit shop.duckdb --out new -o pipeline=1", 2, ("'pipeline' is 1", "a table of names and values")),
    Case(
        "fit shop.duckdb --out new -o pipeline.generator_weights.autoencoder=1e300",
        2,
        ("'pipeline.generator_weights.autoencoder' is 1e+300", "1000000"),
    ),
    Case("fit shop.duckdb --out new --preset defualt", 2, ("'defualt'", "'default'")),
    Case("fit shop.duckdb --out new --seed -1", 2, ("'seed' is -1",)),
    Case("fit shop.duckdb --out new --seed one", 2, ("--seed", "'one'")),
    Case("fit shop.duckdb --out new --config none.toml", 2, ("none.toml", "selfrec init")),
    Case(
        "fit shop.duckdb --out new --config bad.toml",
        2,
        ("bad.toml", "not TOML", "line 1"),
        files={"bad.toml": "seed = = 1"},
    ),
    Case("fit shop.duckdb --out new --config odd.toml", 2, ("'sede'", "'seed'"), files={"odd.toml": "sede = 1"}),
    Case("fit shop.duckdb --out new --config latin.toml", 2, ("latin.toml",), files={"latin.toml": b"a = '\xff'"}),
    Case("fit shop.duckdb --out new -o pipeline.generators=gam", 1, ("generator 'gam'", "'gan'")),
    Case("fit shop.duckdb --out new -o generator.gan.epochs=3", 2, ("[generator.gan]", "pipeline.generators")),
    Case(
        "fit shop.duckdb --out new -o generator.gan.hidden=[99999] -o pipeline.generators=gan",
        2,
        ("'generator.gan.hidden' is 99999", "16384"),
    ),
    Case(
        "fit shop.duckdb --out new -o generator.gan.hidden=true -o pipeline.generators=gan",
        2,
        ("'generator.gan.hidden' is True", "a list, such as [64]"),
    ),
    Case(
        "fit shop.duckdb --out new -o generator.gan.condition=features -o pipeline.generators=gan -o "
        "pipeline.extractors=",
        1,
        ("generator 'gan'", "condition=features", "pipeline.extractors", "condition=history"),
    ),
    Case(
        "fit shop.duckdb --out new -o generator.gan.sharpness=1e-300 -o pipeline.generators=gan -o "
        "pipeline.extractors=",
        1,
        ("generator 'gan'", "generator.gan.sharpness=1e-300 (8.0)"),
    ),
    Case("fti shop.duckdb --out new", 2, ("'fti'", "'fit'")),
]

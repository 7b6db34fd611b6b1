"""Places that are refused by every command: names too long, places in a model folder, arguments in the wrong order.

See bad_case.py for what a line means.
"""

from __future__ import annotations

from tests.cli.bad_case import Case, bare_model, linked, made

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

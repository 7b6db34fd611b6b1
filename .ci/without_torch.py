"""Score, evaluate and recommend with a base install: no torch, no onnx, no plugin is imported or even there."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

TRAINING = ("torch", "onnx", "onnxscript", "safetensors", "matplotlib", "jinja2")

LEAST = 0.197
"""NDCG@20 on the test part that the quick start must not fall below; the README prints .2034."""


def selfrec(*args: str) -> str:
    """The command's stdout; a failure shows its stderr and ends the check."""
    done = subprocess.run([sys.executable, "-m", "selfrec", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"selfrec {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def main(folder: Path) -> None:
    """folder: what `selfrec quickstart` made."""
    there = [name for name in TRAINING if find_spec(name)]
    if there:
        sys.exit(f"this environment is not a base install: {', '.join(there)} is there")
    model, shop = str(folder / "model"), str(folder / "shop.duckdb")
    facts = json.loads(selfrec("inspect", model, "--json"))
    measured = json.loads(selfrec("evaluate", model, shop, "--json"))
    overall = measured["groups"][0]
    if not overall["model"]["ndcg@20"] > overall["popularity"]["ndcg@20"]:
        sys.exit(f"not better than popularity: {overall['model']} against {overall['popularity']}")
    ndcg = overall["model"]["ndcg@20"]
    if ndcg < LEAST:
        sys.exit(f"the quick start has become worse: ndcg@20 {ndcg:.4f}, at least {LEAST} is wanted")
    selfrec("score", model, shop, "--into", "without_torch", "--quiet")
    import duckdb

    with duckdb.connect(shop, read_only=True) as connection:
        differing = connection.execute(
            "select count(*) from (from recommendations except from without_torch"
            " union all from without_torch except from recommendations)"
        ).fetchone()
        items = connection.execute("select distinct item_id from recommendations order by all limit 3").fetchall()
    if differing != (0,):
        sys.exit(f"{differing} rows differ from those of the full install")
    history = ",".join(str(item) for (item,) in items)
    ranked = json.loads(selfrec("recommend", model, "--history", history, "-k", "5", "--json"))
    selfrec("export", model, "--check")
    print(f"ok without torch: {facts['n_items']} items, ndcg@20 {ndcg:.4f}, {len(ranked['items'])} recommended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

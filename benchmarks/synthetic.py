"""Synthetic models and shops of any size, for measuring: the numbers are drawn, the code paths are the real ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from selfrec.catalog import Catalog
from selfrec.model_folder.manifest import GRAPH, ITEMS, Fingerprint, Manifest, SourceColumns
from selfrec.model_folder.writing import ModelWriter
from selfrec.settings.tables import Config

Array = npt.NDArray[np.generic]

BLOCK = 32
"""Items of a block in the two-stage top-k."""


def one_product_graph(
    encoder: npt.NDArray[np.float32], decoder: npt.NDArray[np.float32], top_k: int, *, blocks: bool = True
) -> onnx.ModelProto:
    """An autoencoder as a graph of the contract: E float32[N, d] in, D float32[N, d] out, cosine of the history.

    blocks: cut candidates by the maxima of blocks of items first; the same lists for less time while top_k is small.
    """
    n_items, width = encoder.shape
    block = BLOCK if blocks and -(-(n_items + 1) // BLOCK) >= top_k else 1
    columns = -(-(n_items + 1) // block) * block
    factors = np.zeros((columns, width), dtype=np.float32)
    factors[:n_items] = decoder
    stored: dict[str, Array] = {
        "encoder": np.concatenate([encoder, np.zeros((1, width), np.float32)]).astype(np.float32),
        "factors": factors,
        "no_item": np.full(columns - n_items, -np.inf, dtype=np.float32),
        "never": np.array([-np.inf], dtype=np.float32),
        "tiny": np.array([1e-9], dtype=np.float32),
        "one": np.array([1], dtype=np.int64),
        "top_k": np.array([top_k], dtype=np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["encoder", "history"], ["embedded"]),
        node("Unsqueeze", ["weights", "one"], ["weights_row"]),
        node("MatMul", ["weights_row", "embedded"], ["pooled_row"]),
        node("Squeeze", ["pooled_row", "one"], ["pooled"]),
        node("ReduceL2", ["pooled", "one"], ["norm"], keepdims=1),
        node("Max", ["norm", "tiny"], ["length_floor"]),
        node("Div", ["pooled", "length_floor"], ["query"]),
        node("Concat", ["item_bias", "no_item"], ["bias"], axis=0),
        node("Gemm", ["query", "factors", "bias"], ["all_scores"], transB=1),
        node("Shape", ["exclude"], ["exclude_shape"]),
        node("Expand", ["never", "exclude_shape"], ["mask"]),
        node("ScatterElements", ["all_scores", "exclude", "mask"], ["masked"], axis=1),
    ]
    if block == 1:
        nodes.append(node("TopK", ["masked", "top_k"], ["scores", "items"]))
    else:
        stored |= {
            "block": np.array([block], dtype=np.int64),
            "two": np.array([2], dtype=np.int64),
            "block_shape": np.array([0, columns // block, block], dtype=np.int64),
        }
        nodes += _block_top_k()
    return _model(nodes, stored, n_items, top_k)


def _block_top_k() -> list[onnx.NodeProto]:
    """Exact: an item of a block that is not among the K best blocks has K better items before it.

    The blocks kept are put in the order of their numbers, so that equal scores fall to the lower item number.
    """
    make = helper.make_node
    return [
        make("Reshape", ["masked", "block_shape"], ["blocked"]),
        make("ReduceMax", ["blocked", "two"], ["block_best"], keepdims=0),
        make("TopK", ["block_best", "top_k"], ["best_values", "best_blocks"]),
        make("TopK", ["best_blocks", "top_k"], ["kept_blocks", "kept_order"], largest=0),
        make("Unsqueeze", ["kept_blocks", "two"], ["kept_places"]),
        make("GatherND", ["blocked", "kept_places"], ["kept"], batch_dims=1),
        make("Flatten", ["kept"], ["candidates"], axis=1),
        make("TopK", ["candidates", "top_k"], ["scores", "places"]),
        make("Div", ["places", "block"], ["place_block"]),
        make("Unsqueeze", ["place_block", "two"], ["place_block_places"]),
        make("GatherND", ["kept_blocks", "place_block_places"], ["item_block"], batch_dims=1),
        make("Mul", ["item_block", "block"], ["item_start"]),
        make("Mod", ["places", "block"], ["place_inside"]),
        make("Add", ["item_start", "place_inside"], ["items"]),
    ]


def _model(nodes: list[onnx.NodeProto], stored: dict[str, Array], n_items: int, top_k: int) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    integer, real = TensorProto.INT64, TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "recommender",
        [
            value("history", integer, ["batch", "length"]),
            value("weights", real, ["batch", "length"]),
            value("exclude", integer, ["batch", "excluded"]),
            value("item_bias", real, [n_items]),
        ],
        [value("items", integer, ["batch", top_k]), value("scores", real, ["batch", top_k])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def write_synthetic_model(
    target: Path, *, n_items: int, width: int, top_k: int = 100, seed: int = 0, user_type: str = "VARCHAR"
) -> None:
    """A model folder with drawn factors; item ids are 1,000 + item number."""
    draw = np.random.default_rng(seed)
    encoder = draw.standard_normal((n_items, width), dtype=np.float32)
    decoder = draw.standard_normal((n_items, width), dtype=np.float32) / np.float32(width**0.5)
    write_model_folder(
        target, one_product_graph(encoder, decoder, top_k), n_items=n_items, top_k=top_k, user_type=user_type
    )


def write_model_folder(
    target: Path,
    graph: onnx.ModelProto,
    *,
    n_items: int,
    top_k: int,
    item_ids: pa.Array | None = None,
    user_type: str = "VARCHAR",
    item_type: str | None = None,
    config: Config | None = None,
    user_features: tuple[str, ...] = (),
    columns: Mapping[str, pa.Array] | None = None,
) -> None:
    """A model folder around any graph of the contract; columns: further item columns, such as a title."""
    ids = pa.array(range(1000, 1000 + n_items), pa.int64()) if item_ids is None else item_ids
    item_type = item_type or ("VARCHAR" if pa.types.is_string(ids.type) else "BIGINT")
    popularity = np.linspace(n_items, 1, n_items, dtype=np.float32)
    numbers = pa.array(range(n_items), pa.int32())
    table = pa.table({"item_number": numbers, "item_id": ids, "popularity": popularity, **(columns or {})})
    manifest = Manifest(
        selfrec_version="0",
        seed=0,
        config=config or Config(),
        columns=SourceColumns(user_id="user_id", item_id="item_id", user_type=user_type, item_type=item_type),
        data=Fingerprint(rows=0, users=0, items=n_items),
        n_items=n_items,
        top_k=top_k,
        user_features=user_features,
    )
    with ModelWriter(target) as writer:
        (writer.folder / GRAPH).write_bytes(graph.SerializeToString(deterministic=True))
        Catalog(table).write(writer.folder / ITEMS)
        writer.commit(manifest)


def write_synthetic_shop(
    path: Path, *, users: int, n_items: int, mean_items: float = 90.0, table: str = "interactions", seed: int = 0
) -> None:
    """A DuckDB file with long-tailed histories: log-normal lengths, popular items more often, string user ids.

    Item ids are 1,000 + item number; rows are in the order of time, as a log would have them.
    """
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"SELECT setseed({(seed % 1000) / 1000})")
        connection.execute("SET threads = 1")  # random() repeats on one thread only.
        connection.execute(
            f"""
            CREATE TABLE {table} AS
            WITH people AS (
                SELECT u, least(2000, 1 + floor(exp(ln({mean_items}) - 0.32 + 0.8 * sqrt(-2 * ln(1 - random()))
                       * cos(2 * pi() * random()))))::INT AS wanted
                FROM range({users}) t(u)
            )
            SELECT 'user-' || lpad(u::VARCHAR, 8, '0') AS user_id,
                   1000 + floor({n_items} * pow(random(), 1.5))::BIGINT AS item_id,
                   TIMESTAMP '2026-01-01' + to_seconds(floor(random() * 86400 * 90)::BIGINT) AS "timestamp"
            FROM people, range(wanted)
            ORDER BY "timestamp"
            """
        )


def write_arrays(folder: Path, shop: Path, *, users: int, n_items: int, width: int) -> None:
    """What the other toolkits score: factors and histories as plain arrays, users in the order of their ids."""
    with duckdb.connect(str(shop), read_only=True) as connection:
        rows = connection.execute(
            "SELECT DISTINCT (substr(user_id, 6))::INTEGER AS user, (item_id - 1000)::INTEGER AS item "
            "FROM interactions ORDER BY ALL"
        ).fetchnumpy()
    draw = np.random.default_rng(0)
    offsets = np.zeros(users + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows["user"], minlength=users), out=offsets[1:])
    arrays: dict[str, Array] = {
        "user_factors": draw.standard_normal((users, width), dtype=np.float32),
        "item_factors": draw.standard_normal((n_items, width), dtype=np.float32),
        "offsets": offsets,
        "items": np.asarray(rows["item"], dtype=np.int32),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def main() -> None:
    """Write a model and a shop into a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--mean-items", type=float, default=90.0)
    parser.add_argument("--arrays", action="store_true", help="also factors and histories for benchmarks.rivals")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    write_synthetic_model(options.folder / "model", n_items=options.items, width=options.width)
    write_synthetic_shop(
        options.folder / "shop.duckdb", users=options.users, n_items=options.items, mean_items=options.mean_items
    )
    if options.arrays:
        shop = options.folder / "shop.duckdb"
        write_arrays(options.folder, shop, users=options.users, n_items=options.items, width=options.width)


if __name__ == "__main__":
    main()

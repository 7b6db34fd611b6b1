"""Three users' recommendations with names, and the history items that carry each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from selfrec.cli.output import print_table

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.scoring.because import Cause
    from selfrec.source.user_shard import UserShard

PLACES = 5
"""Recommendations shown of each list."""

_USERS = f"""
    SELECT user_id FROM recommendations JOIN (
        SELECT user_id, count(DISTINCT item_id) AS items FROM interactions GROUP BY user_id
    ) USING (user_id) WHERE rank = {PLACES} AND items BETWEEN 40 AND 120 ORDER BY md5(user_id::VARCHAR) LIMIT 3
"""
"""Users with enough items to explain a list and few enough to be like most; the same ones every time."""


def print_three_lists(model_path: str, shop: str) -> list[str]:
    """Print three lists; the newest items of the last of the three, for the next command to try."""
    import duckdb
    import pyarrow as pa

    from selfrec.model_folder.reading import open_model
    from selfrec.scoring.because import because
    from selfrec.scoring.kernel import Scorer
    from selfrec.scoring.user_columns import user_table_of
    from selfrec.settings.tables import ScoringSettings
    from selfrec.source.open import open_source
    from selfrec.source.reading import HistoryReader

    model = open_model(model_path)
    with duckdb.connect(shop, read_only=True) as connection:
        wanted = pa.array([user for (user,) in connection.execute(_USERS).fetchall()])
    with open_source(shop, model.config.source) as source:
        shard = HistoryReader(source, model.config, model.catalog, user_table=user_table_of(model)).read_users(wanted)
    histories = shard.histories(model.n_items, model.config.cleaning.max_history)
    scorer = Scorer(model, ScoringSettings(k=model.top_k), few=True)
    lists = scorer.score(histories)
    causes = because(scorer, histories, lists)
    for row in range(len(histories)):
        click.echo()
        _print_list(model, shard, row, lists.items[row][:PLACES].tolist(), causes[row])
    newest = histories.take([len(histories) - 1]).items[-3:]
    return [str(model.catalog.item_ids[int(number)].as_py()) for number in newest]


def _print_list(
    model: Model, shard: UserShard, row: int, items: Sequence[int], causes: Sequence[Sequence[Cause]]
) -> None:
    catalog = model.catalog
    products = int(shard.offsets[row + 1] - shard.offsets[row])
    print_table(
        ("", "recommended", "because you bought"),
        [
            (place, catalog.name(item), "; ".join(catalog.name(cause.item) for cause in causes[place - 1]))
            for place, item in enumerate(items, start=1)
            if item < model.n_items
        ],
        title=f"{shard.user_ids[row].as_py()} (has bought {products} of the products)",
        right=[0],
    )

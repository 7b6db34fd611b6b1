"""Column names of interactions, items, results and runs: one set of words everywhere."""

from __future__ import annotations

USER_ID = "user_id"
ITEM_ID = "item_id"
TIMESTAMP = "timestamp"
EVENT = "event"
WEIGHT = "weight"

ITEM_NUMBER = "item_number"
POPULARITY = "popularity"

RANK = "rank"
SCORE = "score"

INTERACTIONS = "interactions"
"""Default table name of a DuckDB source."""

RUNS = "selfrec_runs"
"""The table beside every scored table: one row a run."""

"""The temporary tables of a source's session that several modules read: one place for their names and columns.

Each is made by one module and only read by those after it, in this order. A table that one module alone reads is named
in that module. Codes (u, i) are dense and follow the order of the ids.
"""

from __future__ import annotations

FIT_USERS = "fit_users"
"""user_id, u INTEGER, draw VARCHAR (md5 of seed and id, for the splits). Made by cleaning."""

FIT_ITEMS = "fit_items"
"""item_id, i INTEGER, draw VARCHAR. Made by cleaning."""

FIT_EVENTS = "fit_events"
"""u, i, ticks BIGINT (see weighting.Clock; 0 unknown), strength FLOAT (0: seen only), label VARCHAR (split column).
Made by cleaning, which also drops the events of bots."""

FIT_SPLIT = "fit_split"
"""u, i, ticks, strength, part UTINYINT (see splits.SplitPart): every event of FIT_EVENTS. Made by splits."""

FIT_CORE = "fit_core"
"""u, i, ticks (newest event of the pair): the k-core of the rows that the model learns from. Made by k_core."""

FIT_CATALOG = "fit_catalog"
"""i, number INTEGER: the items of the data set that are in the catalog. Made by catalog_building."""

MAPPED_ITEMS = "selfrec_items"
"""item_id in the source's type, number: the items of a catalog that was handed in. Made by reading.map_items."""

LISTED_USERS = "selfrec_listed_users"
"""user_id: the users to be scored, each once; a table or a view. Made by user_lists."""

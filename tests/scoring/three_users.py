"""Three users of a shop, and the lists that the next-item model (see shops.py) has for them."""

from __future__ import annotations

import pytest

from selfrec.settings.tables import ScoringSettings

K2 = ScoringSettings(k=2)

EVENTS = [("ann", 100), ("bob", 104), ("ann", 103), ("cid", 999)]
"""ann has items 0 and 3, bob has item 4, cid nothing of the catalog."""

HALF = pytest.approx(0.5**0.5)
EXPECTED = [
    ("ann", 1, 101, HALF),
    ("ann", 2, 104, HALF),
    ("bob", 1, 105, 1.0),
    ("bob", 2, 100, 0.0),
    ("cid", 1, 100, 0.0),
    ("cid", 2, 101, 0.0),
]

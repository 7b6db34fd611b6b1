"""Help for tests of plugins: data with a known right answer."""

from __future__ import annotations

from selfrec.testing.checkerboard import checkerboard, checkerboard_holdout

__all__ = ["checkerboard", "checkerboard_holdout"]

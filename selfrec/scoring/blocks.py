"""The highest score of every block of neighbouring items, so that few blocks need to be looked through."""

from __future__ import annotations

from selfrec.graph_rewrites.screen import BEST, BOUNDS
from selfrec.histories import Float32
from selfrec.scoring.sessions import Sessions


class Blocks:
    """Blocks of one width; may be called from several threads at once."""

    def __init__(self, width: int, session: Sessions) -> None:
        """session: of `best_of_blocks` for this width."""
        self.width, self._session = width, session

    def __call__(self, values: Float32) -> Float32:
        """float32[B, n / width] the highest of each block of float32[B, n]; n is a multiple of the width."""
        best: Float32 = self._session.run([BEST], {BOUNDS: values})[0]
        return best

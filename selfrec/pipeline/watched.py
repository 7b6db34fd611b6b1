"""Who looks at the item columns: they are no input of the graph, so no record of a part says that it reads them."""

from __future__ import annotations

from selfrec.histories import Float32
from selfrec.pipeline.fitting import Fitting


class Watched(Fitting):
    """A fitting that notes the key of a part whose trainer looks at its item columns."""

    readers: set[str] | None = None
    """Where it is noted."""

    @property
    def item_features(self) -> Float32 | None:
        """As of any fitting."""
        if self.readers is not None:
            self.readers.add(self.part.key)
        found: Float32 | None = vars(self)["item_features"]
        return found

    @item_features.setter
    def item_features(self, given: Float32 | None) -> None:
        vars(self)["item_features"] = given

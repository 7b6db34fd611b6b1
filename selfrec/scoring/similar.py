"""Item to items: what the model recommends to somebody whose history is one item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfrec.errors import SettingsError
from selfrec.scoring.single import Recommendation, recommend

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model


def similar(model: Model, item_id: Any, k: int = 10) -> list[Recommendation]:
    """The k best items for a history of this one, which is not among them; the id may come as text.

    Raises SettingsError where the catalog does not have the item, or for a k that the model cannot give.
    """
    item_number(model, item_id)
    return recommend(model, [item_id], k).items


def item_number(model: Model, item_id: Any) -> int:
    """The number of an item, its id may come as text. Raises SettingsError where the catalog does not have it."""
    number = int(model.catalog.numbers([item_id])[0])
    if number == model.n_items:
        raise SettingsError(
            f"item {str(item_id)!r} is not in the catalog of model {str(model.path)!r}, which has {model.n_items:,} "
            f"such as {str(model.catalog.item_ids[0].as_py())!r}; items of few users stay out "
            "(cleaning.min_users_per_item)"
        )
    return number

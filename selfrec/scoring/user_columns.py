"""Where the user columns of a model stand when its users are scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfrec.errors import SettingsError
from selfrec.settings.base import UNSET

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.side_columns import SideTable


def user_table_of(model: Model, place: str | None = None) -> SideTable | None:
    """The user columns that the model reads, at `place` when given; None where it reads none or `place` is `none`.

    Raises SettingsError for a place given to a model that reads no user columns.
    """
    table = model.manifest.user_table if "user_features" in model.extra_inputs else None
    if place is None or place == UNSET:
        return table if place is None else None
    if table is None:
        raise SettingsError(
            f"--user-features {place}: the model {str(model.path)!r} reads no user columns; leave the option out"
        )
    return table.model_copy(update={"place": place})

"""The form in which a model's graph leaves its folder."""

from __future__ import annotations

from pydantic import Field

from selfrec.settings.base import Settings


class ExportSettings(Settings):
    """What `selfrec export` makes of the graph; as it stands when nothing is asked for."""

    k: int | None = Field(None, ge=1, description="Shorter lists: so many items a user.")
    half: bool = Field(False, description="Store the weights as float16; the graph computes in float32.")
    raw_ids: bool = Field(
        False, description="Take and give the user's own ids, for the onnxruntime family (ai.onnx.ml); unknown ids pad."
    )
    allow: str | None = Field(
        None, description="Keep the items of this list alone, with new numbers: a table, a file, or a .txt of ids."
    )
    items: bool = Field(
        False,
        description="Write the item table beside the graph, as JSON and Parquet; --raw-ids and --allow always do, and "
        "so does an export in the place of one that did.",
    )
    external_data: bool = Field(False, description="Weights in a file of their own, OUT.onnx.data.")

    @property
    def changes_graph(self) -> bool:
        """Whether the file is anything but a copy of the model's graph."""
        return bool(self.k or self.half or self.raw_ids or self.allow or self.external_data)

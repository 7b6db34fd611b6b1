"""manifest.json: what a model is, where it came from, how good it is, and the sha256 of every file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

import selfrec
from selfrec.errors import ModelError, one_line
from selfrec.settings.base import Settings
from selfrec.settings.tables import Config
from selfrec.side_columns import SideTable

FORMAT_VERSION: Literal[1] = 1

MANIFEST = "manifest.json"
GRAPH = "model.onnx"
GRAPH_DATA = "model.onnx.data"
ITEMS = "items.parquet"
WEIGHTS = "weights.safetensors"

MAX_MANIFEST_BYTES = 4_000_000


class FileEntry(Settings):
    """One file of the folder."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Hash of its content.")
    bytes: int = Field(ge=0, description="Its size.")


class SourceColumns(Settings):
    """The columns that were read, and the SQL types of the ids."""

    user_id: str
    item_id: str
    timestamp: str | None = None
    event: str | None = None
    weight: str | None = None
    user_type: str = Field(description="SQL type of the user ids.")
    item_type: str = Field(description="SQL type of the item ids.")


class Fingerprint(Settings):
    """The data a model was fitted on. Never a user id."""

    rows: int = Field(ge=0)
    users: int = Field(ge=0)
    items: int = Field(ge=0)
    first: str | None = Field(None, description="Time of the oldest event, ISO 8601 in UTC.")
    last: str | None = Field(None, description="Time of the newest event.")
    content: str | None = Field(None, description="A hash of all rows, whatever their order.")


class StageRow(Settings):
    """One line of the stage table."""

    name: str
    metrics: dict[str, float | None] = Field(description="Validation metrics, such as ndcg@20.")
    chosen: bool = Field(False, description="Whether the exported pipeline has this stage.")


class SearchRow(Settings):
    """One trial of the search for options."""

    options: dict[str, Any] = Field(description="Values by dotted name; none for the options as they stood.")
    metrics: dict[str, float | None] = Field(description="Validation metrics; none for a trial that failed.")
    seconds: float = Field(ge=0, description="How long it took.")
    chosen: bool = Field(False, description="Whether the model was fitted with these options.")
    failed: str = Field("", description="Why there are no metrics.")


class CleaningRow(Settings):
    """One line of the preprocessing report."""

    rule: str
    rows_before: int
    rows_dropped: int
    note: str = ""


class Manifest(Settings):
    """The content of manifest.json."""

    format_version: Literal[1] = FORMAT_VERSION
    selfrec_version: str
    plugins: dict[str, str] = Field(default_factory=dict, description="Version of each distribution with a part.")
    created: str | None = Field(None, description="When the model was written, ISO 8601 in UTC.")
    seed: int
    config: Config = Field(description="The resolved configuration.")
    columns: SourceColumns
    data: Fingerprint
    n_items: int = Field(ge=1, description="N.")
    top_k: int = Field(ge=1, description="K.")
    user_features: tuple[str, ...] = Field((), description="User columns the graph reads, in their order.")
    user_table: SideTable | None = Field(None, description="Where they stood and how they become numbers.")
    item_table: SideTable | None = Field(None, description="The item columns that went into the graph.")
    stages: tuple[StageRow, ...] = ()
    search: tuple[SearchRow, ...] = Field((), description="The trials of the search for options, if there was one.")
    cleaning: tuple[CleaningRow, ...] = ()
    test_metrics: dict[str, float | None] = Field(default_factory=dict, description="Metrics on the test part.")
    files: dict[str, FileEntry] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The file's content: JSON with sorted keys, one line a value."""
        values = self.model_dump(mode="json")
        return (json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def parse_manifest(content: bytes, place: Path) -> Manifest:
    """The manifest of a model folder. Raises ModelError naming the first thing that is wrong."""
    try:
        values: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{place}: not readable as JSON ({one_line(error)}); fit the model again") from error
    if not isinstance(values, dict) or "format_version" not in values:
        raise ModelError(f"{place}: no 'format_version' in it; this is no selfrec model")
    version = values["format_version"]
    if version != FORMAT_VERSION or not isinstance(version, int) or isinstance(version, bool):
        raise ModelError(
            f"{place}: format_version {str(version)[:40]!r}, this selfrec reads {FORMAT_VERSION}; "
            "install the selfrec that wrote the model, or fit it again"
        )
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ModelError(
            f"{place}: {where[:200]}: {one_line(ValueError(first['msg']))}; {_what_next(values)}"
        ) from error


def _what_next(values: dict[str, Any]) -> str:
    """What to do about a manifest that cannot be read: another selfrec may have options that this one has not."""
    writer = values.get("selfrec_version")
    if not isinstance(writer, str) or writer == selfrec.__version__:
        return "fit the model again"
    both = f"selfrec {writer[:40]} wrote the model and this is {selfrec.__version__}"
    return f"{both}: install that one, or fit the model again"

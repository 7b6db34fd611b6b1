"""What a report shows, as plain data kept in the model folder, so that it can be drawn again without training.

Everything here is a count or a mean over many users: no user id and no single user's row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from selfrec.errors import ModelError, one_line
from selfrec.evaluation.result import Evaluation
from selfrec.host.records import Kind
from selfrec.words import listed

FILE_NAME = "report.json"

POPULARITY_ALONE = "popularity alone"
"""The one part of a pipeline of which no generator was kept; its extractors are not in the graph."""


def _finite(value: Any) -> Any:
    """JSON has no NaN; a figure that is no number is a gap."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Figure = Annotated[float | None, BeforeValidator(_finite)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CleaningRow(_Frozen):
    """One rule of the preprocessing: a `selfrec.source.rules.RuleCount`."""

    rule: str
    rows_before: int
    rows_dropped: int
    note: str = ""


class SplitRow(_Frozen):
    """Size of one part of the split."""

    name: str = Field(description="train, validation, test.")
    users: int
    rows: int


class StageRow(_Frozen):
    """A pipeline as far as it was built, measured on the validation part.

    Not how long it took, so that one seed gives the same report; `fit --log-json` has that.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # Earlier reports have a `seconds` without a value.

    name: str = Field(description='"popularity", "autoencoder", "+ gan", "+ mlp".')
    metrics: dict[str, Figure] = Field(description='"ndcg@20", "recall@20", "coverage@20", and others if there are.')
    exported: bool = Field(False, description="This is the pipeline in the graph.")


class TrialRow(_Frozen):
    """One trial of the search for options, on the validation part."""

    options: str = Field(description='"gan.dropout 0.3, slim.l2 10.0", or "as they stand".')
    metrics: dict[str, Figure] = Field(description="As of a stage; empty for a trial that failed.")
    seconds: Figure = None
    chosen: bool = Field(False, description="The model was fitted with these options.")


class Curve(_Frozen):
    """What one part reported in each epoch."""

    kind: Kind
    label: str = Field(description="The part's name or label.")
    epochs: tuple[dict[str, Figure], ...] = Field(
        description='One a epoch: "loss", validation metrics such as "ndcg@20", and figures of the part; a GAN: '
        '"generator_loss", "discriminator_loss", "accuracy_real", "accuracy_generated".'
    )
    best_epoch: int = Field(0, description="The epoch that was kept, counted from 1; 0 is none in particular.")

    def values(self, name: str) -> list[float]:
        """float per epoch of one figure, NaN where it is missing."""
        found = [epoch.get(name) for epoch in self.epochs]
        return [math.nan if value is None else value for value in found]

    def has(self, *names: str) -> bool:
        """Whether every one of these figures was reported at least once."""
        return all(any(epoch.get(name) is not None for epoch in self.epochs) for name in names)


class Histogram(_Frozen):
    """Counts between edges; `edges` has one number more than `counts`."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


class HistoryLengths(_Frozen):
    """How many items users have."""

    histogram: Histogram = Field(description="Users by number of items; a bin holds edge <= items < next edge.")
    median: float
    mean: float
    users: int


class PopularityCurve(_Frozen):
    """Users an item, most popular first, thinned to a few hundred ranks."""

    ranks: tuple[int, ...] = Field(description="Counted from 1.")
    users: tuple[float, ...]
    items: int = Field(description="N.")
    head_share: float = Field(description="Share of all choices that fall on the most popular tenth of the items.")


class Reconstruction(_Frozen):
    """Scores an autoencoder gives to items of a history and to all others, over a sample of users."""

    own: Histogram = Field(description="Share of the items in the histories, by score.")
    other: Histogram = Field(description="Share of all other items, by score; the same edges.")
    separation: float = Field(description="How often an item of the history scores above another: mean ROC AUC.")
    users: int


class Generated(_Frozen):
    """Lists of a generator as long as the histories they came from, against these histories, item by item."""

    labels: tuple[str, ...] = Field(
        min_length=1, description="The generator's name; several where all of this is the same for them."
    )
    ranks: tuple[int, ...] = Field(description="Popularity ranks of the curves, counted from 1, thinned.")
    real: tuple[float, ...] = Field(description="Users per item of the real histories at these ranks, sorted down.")
    generated: tuple[float, ...] = Field(description="The same of the generated lists, sorted by themselves.")
    edges: tuple[float, ...] = Field(description="Bin edges of the counts a item; the first bin holds 0.")
    items: tuple[tuple[int, ...], ...] = Field(description="Items by real (row) and generated (column) count bin.")
    correlation: Figure = Field(description="Spearman's rank correlation of the two counts over the items.")
    only_real: int = Field(description="Items that histories hold and no generated list does.")
    users: int

    @model_validator(mode="before")
    @classmethod
    def _as_written_before(cls, values: Any) -> Any:
        """Earlier reports have one `label` of all names; none of them can hold the spaces that are between."""
        if isinstance(values, Mapping) and isinstance(values.get("label"), str) and "labels" not in values:
            rest = {name: value for name, value in values.items() if name != "label"}
            return {**rest, "labels": values["label"].split(" and ")}
        return values

    @property
    def name(self) -> str:
        """The names in words: "gan", "again and short", "again, other and short"."""
        return listed(self.labels)


class Tensor(_Frozen):
    """An input or output of the graph."""

    name: str
    dtype: str
    shape: str
    meaning: str


class Graph(_Frozen):
    """The graph's surface, for the model card."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    top_k: int
    user_columns: tuple[str, ...] = ()


class ReportData(_Frozen):
    """All of a report. What is None or empty is left out of the page."""

    title: str = Field(description="Heading of the page: the model's name or the preset.")
    version: str = Field(description="selfrec's version.")
    fingerprint: dict[str, Any] = Field(description="rows, users, items, first, last, content of the source.")
    config: dict[str, Any] = Field(description="The resolved configuration.")
    graph: Graph | None = None
    parts: tuple[str, ...] = Field(
        (),
        description='Parts of the exported pipeline: "extractor autoencoder"; with the weight of a generator where '
        'it is not 1, "generator popularity x 0.3"; and how much less older items of a history count.',
    )
    split: str = Field("", description="Kind of the split.")
    refitted: bool | None = Field(
        None, description="Whether the chosen parts were trained once more, on the validation rows too."
    )
    cleaning: tuple[CleaningRow, ...] = ()
    splits: tuple[SplitRow, ...] = ()
    stages: tuple[StageRow, ...] = ()
    trials: tuple[TrialRow, ...] = ()
    curves: tuple[Curve, ...] = ()
    history_lengths: HistoryLengths | None = None
    item_popularity: PopularityCurve | None = None
    reconstruction: Reconstruction | None = None
    generated: tuple[Generated, ...] = ()
    popularity_half_lives: tuple[float, ...] = Field(
        (),
        description="Days after which a choice counts half in the popularity that lists are compared with, several for "
        "their mean; none where all choices count alike, and in earlier reports.",
    )
    evaluation: Evaluation | None = Field(None, description="Of the exported graph on the test part.")

    @property
    def popularity_in_words(self) -> str:
        """A sentence on the half-lives; empty where there is none."""
        days = [f"{days:,.0f}" if days >= 100 else f"{days:.3g}" for days in self.popularity_half_lives]
        if not days:
            return ""
        if len(days) == 1:
            return f"Popularity has a half-life of {days[0]} day{'' if days[0] == '1' else 's'}."
        return f"Popularity is a mean of half-lives of {listed(days)} days."

    def write(self, folder: Path) -> None:
        """Write report.json into the folder."""
        (folder / FILE_NAME).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> ReportData:
        """Read report.json of a model folder; ModelError when it is missing or not of this form."""
        path = folder / FILE_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({one_line(error)}); fit the model again") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ModelError(f"{path}: {where}: {first['msg']}; fit the model again") from error


def graph_of(top_k: int, extra_inputs: Iterable[str] = (), user_columns: Iterable[str] = ()) -> Graph:
    """The graph every model has, with the extra inputs ("ages", "user_features") its parts ask for."""
    extra, names = set(extra_inputs), tuple(user_columns)
    columns = ", ".join(names)
    inputs = [
        Tensor(name="history", dtype="int64", shape="[batch, length]", meaning="item numbers; N is padding"),
        Tensor(name="weights", dtype="float32", shape="[batch, length]", meaning="preference weight of each slot"),
        Tensor(name="exclude", dtype="int64", shape="[batch, excluded]", meaning="items never to return; N is padding"),
        Tensor(
            name="item_bias",
            dtype="float32",
            shape="[N]",
            meaning="added to every item's score; 0 leaves an item, -inf removes it",
        ),
    ]
    if "ages" in extra:
        meaning = "days from the event to the moment of scoring; 0 when unknown"
        inputs.append(Tensor(name="ages", dtype="float32", shape="[batch, length]", meaning=meaning))
    if "user_features" in extra:
        meaning = f"user columns ({columns}); 0 is unknown" if columns else "user columns; 0 is unknown"
        inputs.append(Tensor(name="user_features", dtype="float32", shape="[batch, U]", meaning=meaning))
    outputs = (
        Tensor(name="items", dtype="int64", shape=f"[batch, {top_k}]", meaning="item numbers, best first"),
        Tensor(
            name="scores", dtype="float32", shape=f"[batch, {top_k}]", meaning="higher is better; -inf is an empty slot"
        ),
    )
    return Graph(inputs=tuple(inputs), outputs=outputs, top_k=top_k, user_columns=names)


def curve_of(kind: Kind, label: str, curves: Iterable[Mapping[str, float]], best_epoch: int = 0) -> Curve:
    """A curve from what `Fitting.curves` keeps."""
    return Curve(kind=kind, label=label, epochs=tuple(dict(epoch) for epoch in curves), best_epoch=best_epoch)

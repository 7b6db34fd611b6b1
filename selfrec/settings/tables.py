"""The tables of the configuration, in the order the data flows. Each option is declared here, once."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from selfrec import columns
from selfrec.settings.base import Settings

SplitKind = Literal["leave-last", "temporal", "random", "users", "column"]


class SourceSettings(Settings):
    """Where the interactions stand and what their columns are called."""

    table: str = Field(columns.INTERACTIONS, min_length=1, description="Table or view of a DuckDB source.")
    user_column: str = Field(columns.USER_ID, min_length=1, description="Column with the user's id.")
    item_column: str = Field(columns.ITEM_ID, min_length=1, description="Column with the item's id.")
    timestamp_column: str | None = Field(
        None,
        description="Column with the time of the event: timestamp, date or epoch seconds. "
        "Unset: `timestamp` where there is one.",
    )
    event_column: str | None = Field(
        None, description="Column with the type of the event. Unset: `event` where there is one."
    )
    weight_column: str | None = Field(
        None, description="Column with the strength of the event. Unset: `weight` where there is one."
    )


class CleaningSettings(Settings):
    """How events become histories. Every rule is a line of the report that `fit` prints."""

    exclude_events: tuple[str, ...] = Field(
        (), description="Events that are no preference (a dislike): their items are never recommended."
    )
    fold: Literal["log", "sum", "one"] = Field(
        "log",
        description="Events of one user and item become one weight: log2(1 + sum) damped, the sum (1e15 at the "
        "most), or 1.",
    )
    half_life_days: float | None = Field(
        None, gt=0, description="Days after which an event counts half, back from the newest event. Unset: no decay."
    )
    missing_weight: Annotated[float, Field(gt=0)] | Literal["drop"] = Field(
        1.0, description='Weight of events whose weight is null, or "drop".'
    )
    min_users_per_item: int = Field(
        5, ge=1, description="Items of fewer users stay out of the catalog; so no single user shows in a model."
    )
    min_items_per_user: int = Field(2, ge=1, description="Users of fewer items are not trained on.")
    max_events_robust: float | None = Field(
        4.0,
        gt=0,
        description="Users with more events than exp(median + this x MAD of log events) are taken for bots and not "
        "trained on; never below 1,000 events. Unset: no bound.",
    )
    max_history: int = Field(500, ge=1, le=100_000, description="A history keeps its newest items up to this many.")


class FeatureSettings(Settings):
    """The columns of users and items that `fit --user-features` and `--item-features` name a table of."""

    user_columns: tuple[str, ...] = Field(
        (), description="User columns to learn from. Empty: all numbers, text and booleans."
    )
    item_columns: tuple[str, ...] = Field(
        (), description="Item columns to learn from. Empty: all numbers, text and booleans."
    )
    max_levels: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Most levels of a text column; a level counts where min_users_per_item users or more have it.",
    )


class SplitSettings(Settings):
    """How rows are held out to choose (validation) and to measure (test)."""

    kind: SplitKind | None = Field(
        None,
        description="leave-last: each user's newest items. temporal: everything after a moment. random: a share of "
        "each user's items. users: whole users, part of each folded in (Liang et al. 2018). column: a column says "
        "train, validation or test. Unset: leave-last where there are timestamps, else random.",
    )
    validation: float = Field(0.1, gt=0, lt=0.9, description="Share of the rows (users, for `users`) to choose on.")
    test: float = Field(0.1, ge=0, lt=0.9, description="Share of the rows (users, for `users`) to measure on.")
    last_items: int | None = Field(
        None, ge=1, description="leave-last: so many newest items a user, instead of the shares."
    )
    fold_in: float = Field(0.8, gt=0, lt=1, description="users: share of a held-out user's items that is shown.")
    column: str = Field("split", min_length=1, description="column: the name of that column.")


class TrainingSettings(Settings):
    """How the parts are trained."""

    device: str = Field("auto", description="auto, cpu, cuda or another torch device.")
    threads: int | None = Field(
        None, ge=1, le=1024, description="Threads of torch. Unset: all cores, within a container's limit."
    )
    refit: Literal["auto", "none", "validation", "all"] = Field(
        "auto",
        description="Train the chosen pipeline once more. validation: with the validation rows. all: with the test "
        "rows too (then `evaluate` has nothing unseen left). auto: with the validation rows where they are a fortieth "
        "of the rows or more; fewer are not worth the time.",
    )
    refit_by: Literal["anew", "continuing"] = Field(
        "anew",
        description="anew: the refit trains from the start, for the epochs that were best. continuing: a part that can "
        "(an autoencoder that is softmax alone) goes on from the chosen weights for 2 epochs at a lower rate, which "
        "takes a third of the time. With a ranker always anew.",
    )
    augment: float = Field(
        0.0,
        ge=0,
        le=5,
        description="Generated histories added to the extractors' training rows, as a share of them; made by the last "
        "generator that is not itself an extractor, and kept if they help.",
    )
    validation_users: int = Field(
        5000,
        ge=1,
        description="At most so many validation users are scored after each epoch. Where validation rows are drawn by "
        "chance, those of other users stay in training.",
    )


class SearchSettings(Settings):
    """How options that are left open are searched on the validation part before the fit."""

    budget: str | None = Field(
        None,
        description="Time for the search: 90s, 5m or 2h. How many trials fit depends on the machine; the manifest "
        "keeps what was chosen, so that the same model can be fitted again without a search. Unset: no bound.",
    )
    trials: int | None = Field(
        None,
        ge=0,
        le=100_000,
        description="Most trials besides the options as they stand. Unset: as many as the budget allows, and none "
        "without a budget.",
    )

    @field_validator("budget", mode="before")
    @classmethod
    def _time(cls, value: object) -> object:
        """Refuse what is no time in words that help: a plain number and `5 minutes` are tried first."""
        if value is None or (isinstance(value, str) and re.fullmatch(r"(?=.*[1-9])[0-9]+(\.[0-9]+)?\s*[smh]?", value)):
            return value
        raise ValueError("should be a number of seconds, minutes or hours, such as 90s, 5m or 2h")

    @property
    def seconds(self) -> float | None:
        """The budget in seconds."""
        if self.budget is None:
            return None
        number = float(self.budget.rstrip("smh "))
        return number * {"m": 60, "h": 3600}.get(self.budget[-1], 1)

    @property
    def wanted(self) -> bool:
        """Whether there is anything to search."""
        return self.budget is not None if self.trials is None else self.trials > 0


class PipelineSettings(Settings):
    """Which parts make up the recommender, by name; `label:name` uses a part a second time under a label."""

    extractors: tuple[str, ...] = Field(("autoencoder",), description="Feature extractors, joined side by side.")
    generators: tuple[str, ...] = Field(
        ("autoencoder",), min_length=1, description="Generators, whose scores are summed with weights."
    )
    generator_weights: dict[str, Annotated[float, Field(ge=-1e6, le=1e6)]] = Field(
        default_factory=dict, description="Weight of each generator's scores. Unset: found on the validation rows."
    )
    ranker: str | None = Field(None, description="The ranker of the candidates, or unset.")
    recency: Literal["auto", "none", "position", "age"] = Field(
        "auto",
        description="How much the older items of a history count to extractors and generators: weights are divided by "
        "(1 + r) ^ power, with r the number of newer items (position), or the age, from the newest item, in units of "
        "0.001 days. auto: what is best on the validation rows; all alike where events have no times.",
    )
    recency_power: float | None = Field(None, gt=0, le=4, description="The power. Unset: best on the validation rows.")
    candidates: int = Field(200, ge=1, le=10_000, description="C: candidates a ranker orders.")
    top_k: int = Field(100, ge=1, le=10_000, description="K: the longest list the graph can give.")
    keep: Literal["best", "all"] = Field(
        "best", description="Export the stages that won on the validation rows, or all of them."
    )
    popularity_half_life_days: float | None = Field(
        None,
        gt=0,
        description="Days after which a choice counts half in popularity: what cold users see, what the generator "
        "`popularity` adds and what models are compared to. Unset: chosen on the validation rows, and for a temporal "
        "split on the windows of time before them too: one half-life or the mean of several, from the oldest choice's "
        "age down to a 125th of it. The order of the catalog then has a quarter of the time that the events span.",
    )


class ScoringSettings(Settings):
    """How a table of users is scored."""

    k: int = Field(20, ge=1, le=10_000, description="List length, at most the K of the graph.")
    repeats: bool = Field(False, description="Let items the user has already touched be recommended.")
    threads: int | None = Field(
        None, ge=1, le=1024, description="Threads of the scorer. Unset: all cores, within a container's limit."
    )
    screen: bool | None = Field(
        None,
        description="Find candidates by a product in 8 bits first, then score these as usual. Lists stay the same, "
        "except that items of equal scores, up to rounding, may change places. Unset: where it is faster, by the "
        "processor and the size of the catalog.",
    )
    batch_megabytes: int = Field(64, ge=1, le=16_384, description="Size of a batch's score matrix [B, N].")
    memory_megabytes: int = Field(
        256,
        ge=64,
        le=1_000_000_000,
        description="Memory DuckDB may use before it spills to disk. Up to 256 it is held to less where that will do, "
        "more is used. To fit and to measure: half of the machine's.",
    )
    shard_rows: int = Field(500_000, ge=1000, description="About so many interactions are read at a time.")


PartTables = dict[str, dict[str, Any]]
"""Options of the parts of one kind, by the part's name or label."""


class Config(Settings):
    """The whole configuration: selfrec.toml, or what a model's manifest keeps of it."""

    preset: str = Field("default", description="default, full, fast or classic: where the unset options come from.")
    seed: int = Field(0, ge=0, lt=2**31, description="One seed gives the same bytes on the same machine.")
    disable_plugins: tuple[str, ...] = Field(
        (),
        description="Plugins not to load, by the names that `selfrec plugins` shows or as DISTRIBUTION:NAME; "
        "SELFREC_DISABLE_PLUGINS adds.",
    )
    source: SourceSettings = Field(default_factory=SourceSettings, description="The interactions.")
    events: dict[str, float] = Field(
        default_factory=dict,
        description="Weight of each type of event (view = 1, purchase = 5). Empty: all events weigh 1; "
        "else events not named here are dropped.",
    )
    cleaning: CleaningSettings = Field(default_factory=CleaningSettings, description="Events to histories.")
    features: FeatureSettings = Field(default_factory=FeatureSettings, description="Columns of users and items.")
    split: SplitSettings = Field(default_factory=SplitSettings, description="Train, validation, test.")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="Training.")
    search: SearchSettings = Field(default_factory=SearchSettings, description="The search for options.")
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings, description="The parts.")
    extractor: PartTables = Field(default_factory=dict, description="[extractor.NAME]: an extractor's options.")
    generator: PartTables = Field(default_factory=dict, description="[generator.NAME]: a generator's options.")
    ranker: PartTables = Field(default_factory=dict, description="[ranker.NAME]: a ranker's options.")
    scoring: ScoringSettings = Field(default_factory=ScoringSettings, description="Scoring.")

    @field_validator("events")
    @classmethod
    def _weights_count(cls, events: dict[str, float]) -> dict[str, float]:
        for event, weight in events.items():
            if weight <= 0:
                raise ValueError(f"event {event!r} weighs {weight}; weights are > 0 (see cleaning.exclude_events)")
        return events

"""What an evaluation found: figures of the model and of popularity on the same users, as JSON and as a table."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from selfrec.evaluation.metrics import RELEVANCE, main_cutoff

LISTS = ("coverage", "gini", "mean_popularity")
"""Metrics of all lists together, in the order they are shown."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Difference(_Frozen):
    """Model minus popularity, over the same users."""

    mean: float
    low: float | None = Field(description="Lower end of the 95% interval of the mean; none for fewer than 2 users.")
    high: float | None = Field(description="Upper end.")


class Group(_Frozen):
    """Means over one group of users."""

    name: str
    users: int
    model: dict[str, float] = Field(description='By metric and length, "ndcg@20".')
    popularity: dict[str, float] = Field(description="The same for lists of the most popular items.")
    difference: dict[str, Difference] = Field(description="Paired by user, with normal 95% intervals.")


class Row(NamedTuple):
    """A line of the table, ready to print."""

    group: str
    metric: str
    model: str
    popularity: str
    difference: str
    interval: str


HEADINGS = Row("users", "metric", "model", "popularity", "difference", "95% interval")


class Evaluation(_Frozen):
    """All figures of one model on one holdout, beside those of popularity with the same seen items left out."""

    users: int = Field(description="Users with hidden items: every mean is over them.")
    users_skipped: int = Field(description="Users of the holdout without a hidden item.")
    hidden_items: int = Field(description="Hidden items of all users.")
    hidden_outside_catalog: int = Field(description="Those no list can hold, since the catalog lacks them; misses.")
    items: int = Field(description="N, size of the catalog; all of it is ranked.")
    cutoffs: tuple[int, ...] = Field(description="The list lengths k.")
    groups: tuple[Group, ...] = Field(
        description="All users first, then users by length of history and at the tail of taste."
    )
    lists: dict[str, float] = Field(description='Of all lists together: "coverage@20", "gini@20", ...')
    popularity_lists: dict[str, float] = Field(description="The same for popularity.")

    @property
    def main_cutoff(self) -> int:
        """20, or the nearest shorter list length, or the shortest there is."""
        return main_cutoff(self.cutoffs)

    @property
    def overall(self) -> Group:
        """The group of all users."""
        return self.groups[0]

    def of_many(self, least: int) -> Evaluation:
        """Without the groups where one of them has fewer than `least` users: what the others have and all have would
        tell of these few.
        """
        if all(group.users >= least for group in self.groups[1:]):
            return self
        return self.model_copy(update={"groups": self.groups[:1]})

    def to_json(self) -> str:
        """JSON text, indented; `Evaluation.model_validate_json` reads it back."""
        return self.model_dump_json(indent=2)

    def table(self) -> list[Row]:
        """Rows under HEADINGS: every metric at the main k, then NDCG and recall at the others, then the groups.

        At most 92 characters a row with two spaces between columns.
        """
        k = self.main_cutoff
        rows = [_relevance_row(self.overall, f"{metric}@{k}") for metric in RELEVANCE]
        rows += [self._lists_row(f"{metric}@{k}") for metric in LISTS]
        for metric in ("ndcg", "recall"):
            rows += [_relevance_row(self.overall, f"{metric}@{other}") for other in self.cutoffs if other != k]
        for group in self.groups[1:]:
            rows += [_relevance_row(group, f"{metric}@{k}") for metric in ("ndcg", "recall")]
        return rows

    def _lists_row(self, name: str) -> Row:
        model, popularity = self.lists[name], self.popularity_lists[name]
        digits = 1 if name.startswith("mean_popularity") else 4
        return Row(
            _group_label(self.overall),
            name,
            f"{model:,.{digits}f}",
            f"{popularity:,.{digits}f}",
            f"{model - popularity:+,.{digits}f}",
            "",
        )


def _group_label(group: Group) -> str:
    return f"{group.name} ({group.users:,})"


def _relevance_row(group: Group, name: str) -> Row:
    difference = group.difference[name]
    interval = ""
    if difference.low is not None and difference.high is not None:
        interval = f"{difference.low:+.4f} to {difference.high:+.4f}"
    return Row(
        _group_label(group),
        name,
        f"{group.model[name]:.4f}",
        f"{group.popularity[name]:.4f}",
        f"{difference.mean:+.4f}",
        interval,
    )

"""What is asked of one scoring run, beside the model, the place of the result and the options of scoring."""

from __future__ import annotations

from dataclasses import dataclass

from selfrec.scoring.bias import ItemRules
from selfrec.settings.tables import SourceSettings


@dataclass(frozen=True, kw_only=True)
class ScoringRequest:
    """Whom to score from which source, under which rules. Nothing given: all users, all items, as the model was fitted.

    Tables are named as on the command line: a table of the source, or a file.
    """

    source: SourceSettings | None = None
    """Where the events stand and what their columns are called; as the model was fitted when None."""
    users: str | None = None
    """A table of the users to score, cold ones too."""
    deny: str | None = None
    """A table of items nobody gets."""
    allow: str | None = None
    """A table of the only items anybody gets."""
    boost: str | None = None
    """A table of items with a number that is added to their scores."""
    user_features: str | None = None
    """Where the user columns that the model reads stand, `none` where they are unknown; as fitted when None."""
    resume: bool = False
    """Go on from the finished shards of a killed run of the same model and options."""
    changed_only: bool = False
    """Score the users whose events changed since the last such run of the same model and options, and keep the rows of
    the others; where that cannot be told, everybody is scored and the summary says why."""
    wait: float = 0.0
    """Seconds to wait for another run that writes the same target, or for a source that is open for writing."""

    @property
    def rules(self) -> ItemRules:
        """The lists of items."""
        return ItemRules(self.deny, self.allow, self.boost)


EVERYBODY = ScoringRequest()

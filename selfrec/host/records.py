"""The records that plugins hand to the host: what a part is called, its options, how it is built and trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from selfrec.errors import PluginError, one_line
from selfrec.host.plugin_lines import line_of
from selfrec.settings.base import PartOptions

if TYPE_CHECKING:
    from torch import nn

    from selfrec.histories import Histories
    from selfrec.pipeline.fitting import Fitting

Kind = Literal["extractor", "generator", "ranker"]
ExtraInput = Literal["ages", "user_features"]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes a part is built for. It grows by fields with a default, so that old plugins keep working."""

    items: int
    """N, items in the catalog; also the padding number."""
    features: int = 0
    """F, width of all extractors' features together (0 while extractors are built)."""
    generators: int = 0
    """G, generators whose scores a ranker sees."""
    candidates: int = 0
    """C, candidates a ranker orders."""
    user_features: int = 0
    """U, numbers of the user columns."""
    item_features: int = 0
    """I, numbers of the item columns."""
    ages: bool = False
    """Whether the events have times; else every age is 0 and the graph has no input for them."""


@dataclass(frozen=True, kw_only=True)
class PartRecord:
    """What the three kinds of part have in common.

    build(options, sizes) returns a torch.nn.Module with the kind's methods (see selfrec.plugin).
    trainer(module, fitting) fits it; without one the module's `training_loss` is minimised by the shared loop.
    An extractor and a generator of one name whose `build` is the same function are one module with two faces:
    built once, trained once (as the extractor), its weights shared.
    """

    kind: ClassVar[Kind]

    name: str
    """What the configuration calls it: lower-case letters, digits, `-` and `_`, letter first."""
    summary: str
    """One line for `selfrec plugins show`."""
    options: type[PartOptions]
    """The class of its options; every field has a description and a default."""
    build: Callable[[Any, Sizes], nn.Module]
    """build(options, sizes) -> the module."""
    trainer: Callable[[Any, Fitting], None] | None = None
    """trainer(module, fitting), or None for the shared loop."""
    inputs: frozenset[ExtraInput] | Callable[[Any], frozenset[ExtraInput]] = frozenset()
    """Graph inputs beyond history and weights that the part reads; may depend on its options. The graph leaves out what
    the data lacks (times, user columns)."""

    in_effect: Callable[[Any, Histories], Mapping[str, Any]] | None = None
    """in_effect(options, histories): what of the options trains a part on these rows, unset ones as they are chosen.
    Options that are equal in it give one model, of which a search trains one. None: all options."""
    excused: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Checks of `selfrec.testing` that the part does not pass by design, by name without `check_`, and why."""

    def shares_module(self, other: PartRecord) -> bool:
        """Whether the two are faces of one module: of one name and one `build`.

        A method is another object each time it is looked up, and so is a `partial`; they are one by what they call.
        """
        return self.name == other.name and _called(self.build) == _called(other.build)

    def reads(self, options: PartOptions) -> frozenset[ExtraInput]:
        """The graph inputs beyond history and weights that a part with these options reads.

        Raises PluginError for anything but a set of known inputs.
        """
        try:
            asked = self.inputs(options) if callable(self.inputs) else self.inputs
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.name!r}: inputs failed: {type(error).__name__}: {one_line(error)}"
                f"{line_of(error, self, self.inputs)}; the contract wants inputs(options) -> frozenset of graph inputs"
            ) from error
        known = get_args(ExtraInput)
        if not isinstance(asked, Set | list | tuple):
            raise PluginError(f"{self.kind} {self.name!r}: inputs gives {asked!r}; it must give a set, as {{'ages'}}")
        for name in asked:
            if name not in known:
                raise PluginError(f"{self.kind} {self.name!r}: unknown graph input {name!r}; known: {', '.join(known)}")
        return frozenset(asked)


def _called(build: Callable[..., Any]) -> object:
    """What tells one `build` from another."""
    return (_called(build.func), build.args, build.keywords) if isinstance(build, partial) else build


@dataclass(frozen=True, kw_only=True)
class FeatureExtractor(PartRecord):
    """history -> features float32[B, F]. The module has `width: int` and `extract(batch) -> [B, width]`."""

    kind: ClassVar[Kind] = "extractor"


@dataclass(frozen=True, kw_only=True)
class Generator(PartRecord):
    """history and features -> a score for every item. The module has `generate(batch, features) -> [B, N]`,
    or, cheaper, `query(batch, features) -> [B, d]` and `item_factors() -> [N, d]` whose product the scores are, or
    `sparse_scores(batch, features) -> int64[B, S], float32[B, S]`: numbers of a few items (N for none) and what is
    added to their scores, twice for an item that stands twice. All others have 0.
    """

    kind: ClassVar[Kind] = "generator"


@dataclass(frozen=True, kw_only=True)
class Ranker(PartRecord):
    """features, candidates and generator scores -> final scores. The module has
    `rank(batch, features, candidates, scores) -> [B, C]` with candidates int64[B, C], and scores float32[B, C, G],
    each generator's times its weight.

    A portable ranker reads nothing that depends on one training of the stages before it: scores on a scale of their
    own, candidates, ages and columns, but no features. It learns from stages that were trained without the hidden rows
    and then ranks for stages that were trained on all rows; what it keeps of the items stands in buffers, which
    `prepare(module, fitting)` fills in from fitting.histories and fitting.item_features wherever it comes to stand.
    Any other ranker learns from the very stages it ranks for, which then never see the hidden rows.
    """

    kind: ClassVar[Kind] = "ranker"

    portable: bool | Callable[[Any], bool] = False
    """Whether it is portable; may depend on its options."""
    prepare: Callable[[Any, Fitting], None] | None = None
    """Fills in a portable ranker's buffers."""

    def portable_with(self, options: PartOptions) -> bool:
        """Whether a ranker with these options is portable. Raises PluginError where `portable` fails."""
        try:
            return bool(self.portable(options) if callable(self.portable) else self.portable)
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.name!r}: portable failed: {type(error).__name__}: {one_line(error)}"
                f"{line_of(error, self, self.portable)}; the contract wants portable(options) -> bool"
            ) from error

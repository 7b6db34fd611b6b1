"""Parts: a record from a plugin, the options it got and the module it built."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, get_args

import torch
from torch import Tensor, nn

from selfrec.errors import PluginError, one_line
from selfrec.host.plugin_lines import defined_at, line_of
from selfrec.host.records import Kind, PartRecord
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.remedies import against_infinity, lack_of_memory, missing_package
from selfrec.settings.base import PartOptions

T = TypeVar("T")

METHODS: Mapping[tuple[Kind, str], str] = {
    ("extractor", "extract"): "extract(batch) -> float32[B, width]",
    ("extractor", "training_loss"): "training_loss(batch) -> float32[]",
    ("generator", "generate"): "generate(batch, features) -> float32[B, N]",
    ("generator", "query"): "query(batch, features) -> float32[B, d]",
    ("generator", "item_factors"): "item_factors() -> float32[N, d]",
    ("generator", "sparse_scores"): "sparse_scores(batch, features) -> int64[B, S], float32[B, S]",
    ("generator", "training_loss"): "training_loss(batch, features) -> float32[]",
    ("ranker", "rank"): "rank(batch, features, candidates, scores) -> float32[B, C]",
    ("ranker", "training_loss"): "training_loss(batch, features, candidates, scores, labels) -> float32[]",
}
"""What the contract wants of a module, by kind and method."""

ARGUMENTS = ("batch", "features", "candidates", "scores", "labels")
"""What the methods are handed, in this order."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a pipeline. Two faces of a shared module are two parts with one module."""

    kind: Kind
    label: str
    """Its name in the configuration: the plugin's name, or the label of `label:name`."""
    record: PartRecord
    options: PartOptions
    module: nn.Module

    @property
    def key(self) -> str:
        """Name of its state, e.g. "generator.gan"."""
        return f"{self.kind}.{self.label}"

    @property
    def text(self) -> str:
        """How the configuration names it: "name" or "label:name"."""
        return self.label if self.label == self.record.name else f"{self.label}:{self.record.name}"

    @property
    def factored(self) -> bool:
        """Whether a generator's scores are the product of a query and item factors."""
        return hasattr(self.module, "query") and hasattr(self.module, "item_factors")

    @property
    def sparse(self) -> bool:
        """Whether a generator scores few items of each user; all others have 0."""
        return not self.factored and hasattr(self.module, "sparse_scores")

    @property
    def scores_items(self) -> bool:
        """Whether the module has a generator's methods."""
        return self.factored or self.sparse or hasattr(self.module, "generate")

    @property
    def method(self) -> str:
        """The method that scoring calls for it; of a factored generator, the one that is called for each user."""
        if self.kind != "generator":
            return "extract" if self.kind == "extractor" else "rank"
        return "query" if self.factored else "sparse_scores" if self.sparse else "generate"

    @property
    def name(self) -> str:
        """How errors call it: its kind, which is its stage, and the plugin's name for it."""
        return f"{self.kind} {self.record.name!r}"

    def blamed(self, error: PluginError) -> NoReturn:
        """Raise the error behind the part's name, or as it is where it names a part already."""
        if re.match(rf"({'|'.join(get_args(Kind))}) '", str(error)):
            raise error
        raise PluginError(f"{self.name}: {one_line(error)}") from error

    def call(self, what: str, method: Callable[..., T], *args: Any) -> T:
        """Run a method of the module; a failure names the plugin, the stage and what the contract wants."""
        before = _versions(args)
        try:
            result = method(*args)
        except PluginError as error:
            self.blamed(error)
        except (Exception, SystemExit) as error:
            short = lack_of_memory(error, self.options, self.key)
            if short is not None:
                raise PluginError(f"{self.name}: {what} {short}") from error
            missing = missing_package(error)
            if missing is not None:
                raise PluginError(f"{self.name}: {what} {missing}{line_of(error, self.record, method)}") from error
            raise PluginError(
                f"{self.name}: {what} failed: {type(error).__name__}: {one_line(error)}"
                f"{line_of(error, self.record, method)}; the contract wants {wanted_of(self.kind, what)}: "
                f"`selfrec plugins check {self.record.name}`"
            ) from error
        changed = [name for (name, old), (_, new) in zip(before, _versions(args), strict=True) if old != new]
        if changed:
            raise PluginError(
                f"{self.name}: `{what}` changes {' and '.join(changed)} in place, which other parts read after it"
                f"{self.at(what)}; "
                "the contract wants its inputs left as they are: compute new tensors, or `clone()` first"
            )
        return result

    def at(self, what: str) -> str:
        """Where the method stands in the plugin's code, as errors name it."""
        return defined_at(getattr(self.module, what, None), self.record)

    @property
    def width(self) -> int:
        """An extractor's share of F. Raises PluginError where it is no whole number."""
        given: Any = getattr(self.module, "width", None)
        if given is None and not callable(getattr(self.module, "extract", None)):
            return 0
        try:
            return operator.index(given)
        except TypeError as error:
            module, found = type(self.module).__name__, hasattr(self.module, "width")
            told = f"`width` of its module {module} is {given!r}" if found else f"its module {module} has no `width`"
            raise PluginError(
                f"{self.name}: {told}{self.at('extract')}; "
                "the contract wants a whole number, the width of what `extract` returns"
            ) from error

    def extract(self, batch: UserBatch) -> Tensor:
        """features float32[B, width]."""
        method: Callable[[UserBatch], Tensor] = self._method("extract")
        features = self.call("extract", method, batch)
        return self._shaped("extract", features, (batch.history.shape[0], self.width))

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, d], the user's side of a factored generator's scores."""
        method: Callable[[UserBatch, Tensor], Tensor] = self._method("query")
        return self._shaped("query", self.call("query", method, batch, features), (batch.history.shape[0], None))

    def item_factors(self, items: int) -> Tensor:
        """float32[N, d], the items' side of a factored generator's scores."""
        method: Callable[[], Tensor] = self._method("item_factors")
        return self._shaped("item_factors", self.call("item_factors", method), (items, None))

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        """int64[B, S] item numbers, N for none, and float32[B, S] what is added to their scores."""
        method: Callable[[UserBatch, Tensor], tuple[Tensor, Tensor]] = self._method("sparse_scores")
        given = self.call("sparse_scores", method, batch, features)
        if torch.compiler.is_exporting():
            return given
        self._check_pair(given, batch.history.shape[0])
        return given

    def _check_pair(self, given: Any, users: int) -> None:
        """Raises PluginError where it is not what `sparse_scores` has to give."""
        pair = isinstance(given, tuple) and len(given) == 2 and all(isinstance(value, Tensor) for value in given)
        if not pair or given[0].dtype != torch.int64 or given[0].shape != given[1].shape:
            told = (
                " and ".join(f"{one.dtype} {list(one.shape)}" for one in given) if pair else f"a {type(given).__name__}"
            )
            raise PluginError(
                f"{self.name}: `sparse_scores` returned {told}{self.at('sparse_scores')}; the contract wants "
                f"{wanted_of(self.kind, 'sparse_scores')}, both of one shape"
            )
        self._shaped("sparse_scores", given[1], (users, None))

    def generate(self, batch: UserBatch, features: Tensor, items: int) -> Tensor:
        """A score for every item, float32[B, N]."""
        if self.factored:
            query, factors = self.query(batch, features), self.item_factors(items)
            if query.shape[1] != factors.shape[1]:
                raise PluginError(
                    f"{self.name}: `query` returned {list(query.shape)} and `item_factors` {list(factors.shape)}; "
                    "the contract wants [B, d] and [N, d] of one d"
                )
            scores = query @ factors.T
        elif self.sparse:
            numbers, values = self.sparse_scores(batch, features)
            self._check_numbers(numbers, items)
            # Column N is padding's.
            scores = values.new_zeros(batch.history.shape[0], items + 1).scatter_add(1, numbers, values)[:, :items]
        else:
            scores = self.call("generate", self._method("generate"), batch, features)
        return self._shaped("generate", scores, (batch.history.shape[0], items))

    def _check_numbers(self, numbers: Tensor, items: int) -> None:
        if (
            torch.compiler.is_exporting()
            or numbers.numel() == 0
            or 0 <= int(numbers.min()) <= int(numbers.max()) <= items
        ):
            return
        raise PluginError(
            f"{self.name}: `sparse_scores` returned item numbers {int(numbers.min())} to {int(numbers.max())}"
            f"{self.at('sparse_scores')}; the contract wants 0 to N = {items}, which is none"
        )

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        """Final scores float32[B, C]."""
        final = self.call("rank", self._method("rank"), batch, features, candidates, scores)
        return self._shaped("rank", final, tuple(candidates.shape))

    def check_finite(self, what: str, value: Tensor) -> None:
        """Raises PluginError where the method's output, of users with a history, holds NaN or infinity."""
        if not bool(torch.isfinite(value).all()):
            raise PluginError(
                f"{self.name}: `{what}` returned NaN or infinity after training{self.at(what)}; the contract wants "
                f"finite numbers: {against_infinity(self.options, self.key)}"
            )

    def _method(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] | None = getattr(self.module, name, None)
        if not callable(method):
            other = {"query": "item_factors", "item_factors": "query"}
            half = next((one for one in other if name == "generate" and hasattr(self.module, one)), None)
            missing, beside = (name, "") if half is None else (other[half], f" beside `{half}`")
            raise PluginError(
                f"{self.name}: its module {type(self.module).__name__} has no method `{missing}`{beside}; the contract "
                f"wants {wanted_of(self.kind, missing)}"
            )
        return method

    def _shaped(self, what: str, value: Any, shape: tuple[int | None, ...]) -> Tensor:
        """The value itself where it is float32 of this shape; None stands for any size."""
        given: Tensor = value
        if torch.compiler.is_exporting():
            return given
        wanted = f"the contract wants torch.float32 {wanted_of(self.kind, what).rpartition('float32')[2]}"
        if not isinstance(value, Tensor):
            raise PluginError(f"{self.name}: `{what}` returned a {type(value).__name__}{self.at(what)}; {wanted}")
        fits = len(value.shape) == len(shape) and all(
            size in (None, own) for own, size in zip(value.shape, shape, strict=True)
        )
        if not fits or value.dtype != torch.float32:
            sizes = ", ".join("any" if size is None else str(size) for size in shape)
            raise PluginError(
                f"{self.name}: `{what}` returned {value.dtype} {list(value.shape)}{self.at(what)}; {wanted}, "
                f"here [{sizes}]"
            )
        return value


def _versions(args: tuple[Any, ...]) -> list[tuple[str, int]]:
    """How often each input was written to, by name. A graph that is being exported keeps no such count."""
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
        return []
    named: list[tuple[str, Tensor]] = []
    for at, given in enumerate(args):
        if isinstance(given, UserBatch):
            named += [(f"batch.{name}", tensor) for name, tensor in given._asdict().items()]
        else:
            named.append((ARGUMENTS[at], given))
    return [(name, tensor._version) for name, tensor in named if not tensor.is_inference()]


def wanted_of(kind: Kind, method: str) -> str:
    """The contract's words for a method. An extractor's module may have a generator's methods as well."""
    return METHODS.get((kind, method)) or METHODS["generator", method]

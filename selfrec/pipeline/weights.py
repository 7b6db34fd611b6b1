"""weights.safetensors: the trained parts' weights, to go on from tomorrow with items matched by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from selfrec.catalog import Catalog
from selfrec.errors import ModelError, one_line
from selfrec.files import give_usual_mode
from selfrec.histories import Int64
from selfrec.pipeline.parts import Part

SHOWN = 3
"""Most tensors that a message names."""


def write_weights(phases: Mapping[str, Iterable[Part]], path: Path) -> None:
    """Write the state of every module once, as `phase/part/name`, under the first phase and part that have it."""
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    for phase, parts in phases.items():
        for part in parts:
            if id(part.module) in seen:
                continue
            seen.add(id(part.module))
            for name, value in part.module.state_dict().items():
                # A copy of its own: safetensors refuses tensors that share memory, as tied weights do.
                tensors[f"{phase}/{part.key}/{name}"] = value.detach().cpu().clone().contiguous()
    try:
        save_file(tensors, path)
        give_usual_mode(path)
    except SafetensorError as error:
        raise ModelError(f"{path}: cannot be written ({one_line(error)}); check space and permissions") from error


@dataclass(frozen=True)
class WarmStart:
    """An earlier model's weights and where its items stand in today's catalog. Empty: a cold start.

    A phase goes on from the earlier model's same phase, or from its selection. Weights of a refit have seen the
    validation rows; a selection that began with them would choose by rows it knows.
    """

    state: dict[tuple[str, str], dict[str, Tensor]] = field(default_factory=dict)
    """By phase and part key, and by name within the module."""
    old_numbers: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """int64[N] the earlier item number of each item, N_old where it is new."""
    old_items: int = 0
    """N_old."""

    @classmethod
    def read(cls, path: Path, old: Catalog, new: Catalog) -> WarmStart:
        """Read weights.safetensors of an earlier model whose catalog was `old`."""
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path}: cannot be read ({one_line(error)}); fit without --warm-start") from error
        state: dict[tuple[str, str], dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            phase, _, rest = name.partition("/")
            key, _, inner = rest.partition("/")
            state.setdefault((phase, key), {})[inner] = tensor
        return cls(state, old.numbers(new.item_ids.to_pylist()), len(old))

    def load(self, phase: str, key: str, module: nn.Module) -> bool:
        """Load what fits into the part's module; whether every tensor found its earlier self in this phase.

        An axis of N_old (or N_old + 1, with the padding row) entries where the module has N (or N + 1) is an axis
        of items: known items keep their weights, new ones keep the module's fresh start.
        """
        earlier = self.state.get((phase, key)) or self.state.get(("selection", key), {})
        own = module.state_dict()
        matched = {name: self._matched(earlier[name], tensor) for name, tensor in own.items() if name in earlier}
        found = {name: tensor for name, tensor in matched.items() if tensor is not None}
        if not found:
            return False
        module.load_state_dict({**own, **found})
        return len(found) == len(own)

    def lacks(self, key: str, module: nn.Module) -> str:
        """In words, what a part begins anew in the selection; empty where it is nothing, or a cold start altogether."""
        if not self.state:
            return ""
        earlier, own = self.state.get(("selection", key), {}), module.state_dict()
        anew = [
            name for name, value in own.items() if name not in earlier or self._matched(earlier[name], value) is None
        ]
        if not anew:
            return ""
        if not earlier:
            return f"{key} begins anew: the earlier model has no such part"
        if len(anew) == len(own):
            return f"{key} begins anew: its tensors are not, or not of these shapes, in the earlier model"
        more = f" and {len(anew) - SHOWN} more" if len(anew) > SHOWN else ""
        return (
            f"{key} takes {len(own) - len(anew)} of its {len(own)} tensors from the earlier model, where "
            f"{', '.join(anew[:SHOWN])}{more} are not, or not of these shapes"
        )

    def _matched(self, old: Tensor, new: Tensor) -> Tensor | None:
        if old.dim() != new.dim() or old.dtype != new.dtype:
            return None
        known = np.flatnonzero(self.old_numbers < self.old_items)
        result, take_old, take_new = new.clone(), [], []
        for old_size, new_size in zip(old.shape, new.shape, strict=True):
            extra = old_size - self.old_items
            if extra in (0, 1) and new_size - len(self.old_numbers) == extra:
                padding = [self.old_items] * extra, [len(self.old_numbers)] * extra
                take_old.append(
                    torch.from_numpy(np.concatenate([self.old_numbers[known], padding[0]]).astype(np.int64))
                )
                take_new.append(torch.from_numpy(np.concatenate([known, padding[1]]).astype(np.int64)))
            elif old_size == new_size:
                take_old.append(torch.arange(old_size))
                take_new.append(torch.arange(new_size))
            else:
                return None
        if not take_old:
            return old.clone()
        result[torch.meshgrid(*take_new, indexing="ij")] = old[torch.meshgrid(*take_old, indexing="ij")]
        return result

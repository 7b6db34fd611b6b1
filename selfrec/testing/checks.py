"""What every part must do, one plain function a promise. A failure is one sentence that says what was expected."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from selfrec.errors import PluginError, SettingsError, one_line
from selfrec.export.blame import check_operations, foreign_operations
from selfrec.export.check import check_graph
from selfrec.export.graph import to_graph, write_graph
from selfrec.graph.reading import read_graph
from selfrec.histories import Float32, Histories
from selfrec.host.plugin_lines import module_of
from selfrec.plugin import HEAVY_NAMES, PartOptions, UserBatch
from selfrec.settings.config import load_config, table_of
from selfrec.settings.dump import config_toml
from selfrec.settings.search import dimensions_of
from selfrec.settings.validation import validated
from selfrec.testing.bench import CANDIDATES, COLUMNS, ITEMS, LAST, USERS, Bench, Fitted

Check = Callable[[Bench], None]

CLOSE = 1e-4
"""Largest difference, as a share of the largest output, of outputs that must be the same."""

LEARNED = 0.9
"""Share of the first recommended items that must have the parity of the user's own; guessing gives 0.5."""

FIRST = 3
"""Places of each list that are looked at: as many own items are left as the list is long, and the last is hard."""

HEAVY = ("torch", "onnx", "onnxruntime", "matplotlib", "pandas", "sklearn", "scipy", "transformers")


def check_options_documented(bench: Bench) -> None:
    """Every option has a description and a default; the defaults are valid, and so are the values to search."""
    options = bench.record.options
    for name, field in options.model_fields.items():
        assert field.description, f"option {name!r} has no description: write Field(..., description=...)"
        assert not field.is_required(), f"option {name!r} has no default: write Field(default, description=...)"
    validated(options, {})
    for dimension in dimensions_of(options, "", {}):
        own = dimension.name.removeprefix(".")
        refused = [told for told in (_refusal(options, own, value) for value in dimension.values) if told]
        assert not refused, f"searched(...) offers what is refused: {refused[0]}"


def _refusal(options: type[PartOptions], name: str, value: Any) -> str:
    """Why an option cannot have this value; empty where it can, with others than the defaults perhaps."""
    try:
        validated(options, table_of(name, value))
    except SettingsError as error:
        return str(error) if f"option {name!r} is" in str(error) else ""
    return ""


def check_options_round_trip(bench: Bench) -> None:
    """Options written to a configuration file and read again are the same."""
    record = bench.record
    given = validated(record.options, bench.options)
    values = {name: value for name, value in given.model_dump(mode="json").items() if value is not None}
    config = bench.config(0).model_copy(update={record.kind: {record.name: values}})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "selfrec.toml"
        path.write_text(config_toml(config), encoding="utf-8")
        read = getattr(load_config(path), record.kind).get(record.name, {})
    again = validated(record.options, read)
    assert again == given, f"options became {again!r} on the way through a selfrec.toml, were {given!r}"


def check_light_import(bench: Bench) -> None:
    """Importing the plugin's module imports no heavy package: it would slow down every command."""
    module = module_of(bench.record.build)
    # What the module prints at import, in C too, is no name of a package.
    code = (
        f"import os, sys; out = open(os.dup(1), 'w'); os.dup2(2, 1); import {module}; "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=out)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"module {module} cannot be imported by itself: {done.stderr.strip()[-300:]}"
    loaded = done.stdout.split()
    assert not loaded, (
        f"importing {module} imports {', '.join(loaded)}: import it inside build and trainer, and so what brings it "
        f"along: {', '.join(sorted(HEAVY_NAMES))} of selfrec.plugin"
    )


def check_trains_with_finite_losses(bench: Bench) -> None:
    """Training ends, and every epoch reports a finite loss."""
    losses = bench.fitted.losses
    assert all(math.isfinite(loss) for loss in losses), f"a loss is not finite: {losses}"


def check_shapes_and_dtypes(bench: Bench) -> None:
    """float32 of the contract's shape, and finite, for 0, 1, 2 and 7 users with 0, 1 and many items."""
    fitted = bench.fitted
    width = {"extractor": fitted.part.width, "generator": ITEMS, "ranker": CANDIDATES}[bench.record.kind]
    for users in (0, 1, 2, 7):
        for length in (0, 1, 9):
            got = bench.outputs(fitted, _random_batch(users, length))
            where = f"for {users} users with {length} slots"
            assert got.dtype == torch.float32, f"output is {got.dtype} {where}; the contract wants float32"
            assert tuple(got.shape) == (users, width), f"output is {list(got.shape)} {where}, not [{users}, {width}]"
            assert bool(torch.isfinite(got).all()), f"output holds NaN or infinity {where}"


def check_learns_the_checkerboard(bench: Bench) -> None:
    """Even users like even items and odd users odd ones: the pipeline's lists must say so."""
    rows = bench.rows.newest(5)
    padded = rows.padded()
    history = torch.from_numpy(padded.history)
    extra = _extras(bench, rows, padded.ages)
    with torch.no_grad():
        items, _ = bench.fitted.recommender(
            history, torch.from_numpy(padded.weights), history, torch.zeros(ITEMS), **extra
        )
    right = (items[:, :FIRST] % 2 == (torch.arange(len(rows)) % 2)[:, None]).float().mean()
    unable = (
        "before a ranker stands a generator that scores alike for everyone; if it goes by scores or columns alone"
        if bench.record.kind == "ranker"
        else "if it is not meant to learn from histories"
    )
    slowly = _other_options(bench) if "epochs" in bench.record.options.model_fields else ""
    assert float(right) >= LEARNED, (
        f"{float(right):.0%} of the recommended items are of the user's own colour; {LEARNED:.0%} are wanted, "
        f"guessing gives 50%; {slowly}{unable}, say so in its record: excused={{'learns_the_checkerboard': 'why'}}"
    )


def _other_options(bench: Bench) -> str:
    """What to try with a part that learns by epochs."""
    narrow = ", or -o width=4 where it learns by heart" if "width" in bench.record.options.model_fields else ""
    return (
        f"a part that learns slowly may need other options than its own ({USERS} users are one batch, as a rule): "
        f"`plugins check {bench.record.name} -o epochs=60`{narrow}, benches(records, {{(kind, name): {{...}}}}); "
    )


def check_same_seed_same_weights(bench: Bench) -> None:
    """Two trainings with one seed give the same weights, bit by bit."""
    first, again = (_weights(bench, drawn) for drawn in range(2))
    for name, value in first.items():
        assert torch.equal(value, again[name]), (
            f"{name} differs between two trainings with one seed: draw from fitting.seed or epoch.rng alone"
        )


def _weights(bench: Bench, drawn: int) -> dict[str, Tensor]:
    """The weights of one training, where torch's own generator stands elsewhere than in another."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn)
        return bench.fit().part.module.state_dict()


def check_resumes_where_it_was_killed(bench: Bench) -> None:
    """A training by epochs that is killed and resumed ends in the weights of one that was not."""
    gone_on = bench.resumed()
    if gone_on is None:
        return
    epoch, resumed = gone_on
    state = resumed.part.module.state_dict()
    for name, value in bench.fitted.part.module.state_dict().items():
        assert torch.equal(value, state[name]), (
            f"{name} differs where the training was killed in epoch {epoch} and resumed: give what learns beside the "
            "module (optimizers, schedulers, second networks) to fitting.epochs(..., state={...}), and draw from "
            "epoch.rng"
        )


def check_independent_of_the_batch(bench: Bench) -> None:
    """A user gets the same scores alone and in company."""
    batch = _random_batch(7, 6)
    together = bench.outputs(bench.fitted, batch)
    for user in range(7):
        alone = bench.outputs(bench.fitted, UserBatch(*(part[user : user + 1] for part in batch)))
        _assert_close(alone[0], together[user], f"user {user}'s output depends on who else is in the batch")


def check_independent_of_padding(bench: Bench) -> None:
    """Padding changes nothing, wherever in the row it stands."""
    batch = _random_batch(5, 6)
    wanted = bench.outputs(bench.fitted, batch)
    for name, places in (("behind", range(6)), ("in front of", range(4, 10)), ("between", (0, 2, 4, 5, 7, 9))):
        history = torch.full((5, 10), ITEMS)
        weights, ages = torch.zeros(5, 10), torch.zeros(5, 10)
        at = list(places)
        history[:, at], weights[:, at], ages[:, at] = batch.history, batch.weights, batch.ages
        got = bench.outputs(bench.fitted, UserBatch(history, weights, ages, batch.user_features))
        _assert_close(got, wanted, f"padding {name} the items of a history changes the output")


def check_independent_of_the_candidates_places(bench: Bench) -> None:
    """A candidate gets the same score wherever among the others it stands."""
    if bench.record.kind != "ranker":
        return
    batch = _random_batch(5, 6)
    wanted = bench.outputs(bench.fitted, batch).flip(1)
    got = bench.outputs(bench.fitted, batch, LAST.flip(0))
    _assert_close(got, wanted, "a candidate's score depends on its place among the others: look at its number")


def check_weights_count(bench: Bench) -> None:
    """A part that looks at the history looks at its weights too: a purchase is more than a view."""
    if bench.record.kind == "ranker":
        return
    plain = _random_batch(4, 6)
    other = plain._replace(history=plain.history.flip(0))
    base = bench.outputs(bench.fitted, plain)
    if torch.equal(base, bench.outputs(bench.fitted, other)):
        return
    heavy = plain._replace(weights=plain.weights * torch.linspace(0.2, 5, 6))
    assert not torch.allclose(base, bench.outputs(bench.fitted, heavy), rtol=1e-6, atol=1e-9), (
        "the output is the same whatever the weights of the history are: use batch.weights"
    )


def check_survives_empty_histories(bench: Bench) -> None:
    """Users without an item get finite outputs, and the pipeline gives them the popularity prior."""
    nothing = UserBatch(torch.full((3, 4), ITEMS), torch.zeros(3, 4), torch.zeros(3, 4), torch.zeros(3, COLUMNS))
    got = bench.outputs(bench.fitted, nothing)
    assert bool(torch.isfinite(got).all()), "an empty history gives NaN or infinity: never divide by a length of 0"


def check_refits(bench: Bench) -> None:
    """The chosen pipeline can be trained once more on other rows, without validation."""
    fitted = bench.fit()
    again = fitted.stages.refit(fitted.chosen, bench.rows.take(np.arange(60)))
    for part in again.parts:
        for name, value in part.module.state_dict().items():
            finite = not value.is_floating_point() or bool(torch.isfinite(value).all())
            assert finite, f"{name} holds NaN or infinity after a second training on fewer rows"


def check_state_round_trips(bench: Bench) -> None:
    """What the part has learned is all in its state_dict: a new module that loads it gives the same outputs."""
    fitted = bench.fitted
    batch = _random_batch(5, 6)
    wanted = bench.outputs(fitted, batch)
    fresh = _as_built(bench)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        state = fitted.part.module.state_dict()
        save_file({name: value.clone().contiguous() for name, value in state.items()}, path)
        try:
            fresh.part.module.load_state_dict(load_file(path))
        except RuntimeError as error:
            raise AssertionError(
                f"a module as it is built does not take what was learned ({one_line(error)}): give `build` every "
                "parameter and buffer, in the size that training leaves"
            ) from error
    fresh.part.module.eval()
    for part, own in zip(fresh.chosen.parts, fitted.chosen.parts, strict=True):
        if part.module is not fresh.part.module:
            part.module.load_state_dict(own.module.state_dict())
    _assert_close(
        bench.outputs(fresh, batch), wanted, "a module with the same state_dict gives other outputs: register buffers"
    )


def _as_built(bench: Bench) -> Fitted:
    """The part before its training, in a pipeline of its own."""
    try:
        return bench.untrained().fitted
    except PluginError as error:
        raise AssertionError(
            f"a module as it is built, without training, cannot be asked, so what was learned is not all in its "
            f"state_dict: give `build` every buffer, in the size that training leaves ({one_line(error)})"
        ) from error


def check_graph_equals_torch(bench: Bench) -> None:
    """The exported graph, of allowed operations, gives in onnxruntime what torch gives, on edge batches."""
    graph = bench.fitted.graph
    if foreign_operations(graph):
        # Nothing is promised of these, and some abort the process: onnxruntime does in a GRU of no users.
        return
    with tempfile.TemporaryDirectory() as folder:
        write_graph(graph, Path(folder))
        check_graph(Path(folder) / "model.onnx", bench.fitted.recommender)


def check_graph_is_allowed(bench: Bench) -> None:
    """The graph holds only operations that every runtime has: no control flow, no functions, opset 18."""
    graph = bench.fitted.graph
    check_operations(graph, bench.fitted.recommender)
    read_graph(memoryview(graph.SerializeToString()))


def check_graph_bytes_are_stable(bench: Bench) -> None:
    """Exporting twice gives the same bytes."""
    first, again = bench.fitted.graph, to_graph(bench.fitted.recommender)
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True), (
        "two exports of one module differ: `generate` and its like must not draw or count"
    )


CHECKS: tuple[Check, ...] = (
    check_options_documented,
    check_options_round_trip,
    check_light_import,
    check_trains_with_finite_losses,
    check_shapes_and_dtypes,
    check_learns_the_checkerboard,
    check_same_seed_same_weights,
    check_resumes_where_it_was_killed,
    check_independent_of_the_batch,
    check_independent_of_padding,
    check_independent_of_the_candidates_places,
    check_weights_count,
    check_survives_empty_histories,
    check_refits,
    check_state_round_trips,
    check_graph_equals_torch,
    check_graph_is_allowed,
    check_graph_bytes_are_stable,
)
"""All checks, in the order they are run: those that need no training first."""


def _random_batch(users: int, length: int) -> UserBatch:
    """Histories of different random items, ages, weights and user columns."""
    rng = np.random.default_rng([users, length])
    rows = np.array([rng.permutation(ITEMS)[:length] for _ in range(users)], dtype=np.int64).reshape(users, length)
    weights = torch.from_numpy(rng.uniform(0.5, 2, size=(users, length)).astype(np.float32))
    ages = torch.from_numpy(np.sort(rng.uniform(0, 30, size=(users, length)).astype(np.float32))[:, ::-1].copy())
    columns = torch.from_numpy(rng.normal(size=(users, COLUMNS)).astype(np.float32))
    return UserBatch(torch.from_numpy(rows), weights, ages, columns)


def _extras(bench: Bench, rows: Histories, ages: Float32) -> dict[str, Tensor]:
    given = {"ages": ages, "user_features": rows.user_features}
    return {name: torch.from_numpy(given[name]) for name in bench.fitted.recommender.extra_inputs}


def _assert_close(got: Tensor, wanted: Tensor, otherwise: str) -> None:
    margin = CLOSE * max(1e-3, float(wanted.abs().max()) if wanted.numel() else 0.0)
    gap = float((got - wanted).abs().max()) if wanted.numel() else 0.0
    assert gap <= margin, f"{otherwise} (by up to {gap:.3g})"

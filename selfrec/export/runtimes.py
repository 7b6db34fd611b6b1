"""The Python runtimes a graph can be run in, and a program that runs golden batches in one of them.

    python -m selfrec.export.runtimes NAME GRAPH.onnx CASES.json [--repeat N]

prints {"runtime", "version", "results": [{"items", "scores", "milliseconds"}]}. A process of its own, because a
runtime that meets what it cannot run may end the process (tract does).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from selfrec.export.conformance import read_cases, to_json

Array: TypeAlias = npt.NDArray[Any]
Result: TypeAlias = tuple[Array, Array]
Run: TypeAlias = Callable[[Mapping[str, Array]], Result]
"""The graph's inputs by name -> items [B, K] and scores float32[B, K]."""


@dataclass(frozen=True)
class Runtime:
    """A package that runs ONNX graphs."""

    name: str
    package: str
    """Its distribution on PyPI."""
    open: Callable[[Path], Run]
    raw_ids: bool = False
    """Whether it has ai.onnx.ml, which graphs with the user's own ids need."""

    @property
    def version(self) -> str | None:
        """Of the installed package; None where it is not installed."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None


def _onnxruntime(graph: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Errors are raised; the log would say them again.
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, Array]) -> Result:
        items, scores = session.run(["items", "scores"], dict(inputs))
        return items, scores

    return run


def _reference(graph: Path) -> Run:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(graph))

    def run(inputs: Mapping[str, Array]) -> Result:
        found: Any = evaluator.run(["items", "scores"], dict(inputs))
        return found[0], found[1]

    return run


def _openvino(graph: Path) -> Run:
    import openvino

    # In float32: on some machines OpenVINO would take bfloat16 unasked.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(graph), "CPU", settings)

    def run(inputs: Mapping[str, Array]) -> Result:
        outputs = compiled(dict(inputs))
        return outputs["items"], outputs["scores"]

    return run


def _tract(graph: Path) -> Run:
    import tract

    loaded = tract.onnx().load(str(graph))
    names = [loaded.input_name(number) for number in range(loaded.input_count())]
    runnable = loaded.into_model().into_runnable()

    def run(inputs: Mapping[str, Array]) -> Result:
        items, scores = runnable.run([np.ascontiguousarray(inputs[name]) for name in names])
        return items.to_numpy(), scores.to_numpy()

    return run


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("onnxruntime", "onnxruntime", _onnxruntime, raw_ids=True),
        Runtime("onnx reference", "onnx", _reference, raw_ids=True),
        Runtime("openvino", "openvino", _openvino),
        Runtime("tract", "tract", _tract),
    )
}


def run_cases(runtime: Runtime, graph: Path, cases: Path, repeat: int) -> dict[str, Any]:
    """Every batch of cases.json in a runtime; each `repeat` times, whose milliseconds are kept."""
    run = runtime.open(graph)
    results = []
    for golden in read_cases(cases):
        milliseconds = []
        for _ in range(repeat):
            start = time.perf_counter()
            items, scores = run(golden.inputs)
            milliseconds.append((time.perf_counter() - start) * 1000)
        results.append({"items": to_json(items), "scores": to_json(scores), "milliseconds": milliseconds})
    return {"runtime": runtime.name, "version": runtime.version, "results": results}


def main() -> None:
    """Run golden batches in one runtime; JSON on stdout."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("runtime", choices=RUNTIMES)
    parser.add_argument("graph", type=Path)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    chosen = parser.parse_args()
    print(json.dumps(run_cases(RUNTIMES[chosen.runtime], chosen.graph, chosen.cases, chosen.repeat)))


if __name__ == "__main__":
    main()

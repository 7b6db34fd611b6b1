"""An onnxruntime session that computes nothing before it runs and takes no more memory than it is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfrec.graph.surface import TOP_K

if TYPE_CHECKING:
    import numpy.typing as npt
    from onnxruntime import InferenceSession, SessionOptions

WORKING_BYTES = 2 * 2**30
"""Memory for what is computed, beside the weights, where a caller does not know better."""


def start_session(
    graph: Path | bytes,
    threads: int,
    memory: int,
    *,
    top_k: int | None = None,
    tensors: Mapping[str, npt.NDArray[Any]] | None = None,
    profile: Path | None = None,
) -> InferenceSession:
    """A session of a graph: where its file is, or what is in it.

    A small file can ask for any amount of memory: an operation makes a tensor of whatever size a number in the graph
    says. So the memory of a session is bounded, and constants are not computed ahead, which would be outside the bound.
    (An exported graph has nothing of that kind left.)

    threads: cores one `run` uses. memory: bytes of weights and all runs together. top_k: value of the initializer
    of that name. tensors: constants that the graph has only the names of; they are copied. profile: what the names of
    files begin with in which onnxruntime notes the time of each operation. Raises onnxruntime's errors.
    """
    import numpy as np
    import onnxruntime

    options = _options(threads, memory, profile)
    held = None
    if top_k is not None:
        held = onnxruntime.OrtValue.ortvalue_from_numpy(np.array([top_k], dtype=np.int64))
        options.add_initializer(TOP_K, held)
    if tensors:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in tensors.values()]
        options.add_external_initializers(list(tensors), values)
    session = onnxruntime.InferenceSession(
        graph if isinstance(graph, bytes) else str(graph), options, providers=["CPUExecutionProvider"]
    )
    # The session reads the value from this array, so the array lives as long.
    session._selfrec_list_length = held
    # It would keep them for a fall-back to other providers; there are none.
    session._model_bytes = None
    return session


def _options(threads: int, memory: int, profile: Path | None) -> SessionOptions:
    import onnxruntime

    # Each session gets an arena of its own: registering another one leaves those in use as they are.
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo(
            "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
        ),
        onnxruntime.OrtArenaCfg(memory, -1, -1, -1),
    )
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("optimization.disable_specified_optimizers", "ConstantFolding")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads sleep: DuckDB and the other batches need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Errors are raised; warnings would speak of the shapes that the list length changed.
    options.log_severity_level = 4
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return options

"""What the processor is good at: whether a product of bytes is worth asking for, and whether its sums are right."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from selfrec.model_folder.building import graph_file, node, tensor
from selfrec.model_folder.session import start_session

_INSTRUCTIONS = frozenset(["avx512_vnni", "avx_vnni"])
"""Of x86 processors, those that onnxruntime multiplies bytes with. On others nobody has measured a gain."""

_INFO = Path("/proc/cpuinfo")
_DEEP = 64


@cache
def multiplies_bytes() -> bool:
    """Whether products of bytes take a fraction of those in float32 here."""
    try:
        lines = _INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return bool(_INSTRUCTIONS & set(flags))


@cache
def adds_bytes_exactly() -> bool:
    """Whether the largest products of bytes are added up as they are: some processors cut pairs off at 16 bits."""
    content = graph_file(
        [
            tensor("right", np.full((_DEEP, 1), 127, dtype=np.int8)),
            node("MatMulInteger", ["left", "right"], ["sums"]),
        ],
        inputs={"left": (np.dtype(np.uint8), ("rows", _DEEP))},
        outputs={"sums": (np.dtype(np.int32), ("rows", 1))},
    )
    left = np.array([[255] * _DEEP, [0] * _DEEP, [1, 255] * (_DEEP // 2)], dtype=np.uint8)
    [sums] = start_session(content, 1, 2**26).run(["sums"], {"left": left})
    return bool((sums[:, 0] == left.astype(np.int64).sum(axis=1) * 127).all())

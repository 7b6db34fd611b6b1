"""How well the processor multiplies bytes: in which form, whether it is worth asking for, and whether it adds up."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from selfrec.graph.building import graph_file, node, tensor
from selfrec.graph.session import start_session
from selfrec.graph_rewrites.bytes_table import MOST
from selfrec.graph_rewrites.screen import EIGHT_BITS, SEVEN_BITS, Form

_FORMS = (({"avx512_vnni", "avx_vnni"}, EIGHT_BITS), ({"avx2"}, SEVEN_BITS))
"""By the instructions of x86 processors; on others nobody has measured a gain."""

_INFO = Path("/proc/cpuinfo")
_TERMS = 64
"""Products in each of the sums that are tried."""


@cache
def quick_form() -> Form | None:
    """The form in which products of bytes take less time here than those in float32."""
    try:
        lines = _INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))
    return next((form for instructions, form in _FORMS if instructions & flags), None)


@cache
def exact_form() -> Form | None:
    """The finest form in which sums of bytes' products are exact: some processors cut pairs of them off at 16 bits."""
    return next((form for form in (EIGHT_BITS, SEVEN_BITS) if adds_up(form)), None)


@cache
def adds_up(form: Form) -> bool:
    """Whether sums in this form are exact."""
    content = graph_file(
        [
            tensor("right", np.full((_TERMS, 1), MOST, dtype=np.int8)),
            node("MatMulInteger", ["left", "right"], ["sums"]),
        ],
        inputs={"left": (np.dtype(np.uint8), ("rows", _TERMS))},
        outputs={"sums": (np.dtype(np.int32), ("rows", 1))},
    )
    most = form.zero + form.most
    left = np.array([[most] * _TERMS, [0] * _TERMS, [1, most] * (_TERMS // 2)], dtype=np.uint8)
    [sums] = start_session(content, 1, 2**26).run(["sums"], {"left": left})
    return bool((sums[:, 0] == left.astype(np.int64).sum(axis=1) * MOST).all())

"""The engines whose version shows in the numbers: which shard a user is in, a fingerprint, the last bit of a score."""

from __future__ import annotations

import duckdb
import onnxruntime
import pyarrow as pa

ENGINES = {"DuckDB": duckdb.__version__, "onnxruntime": onnxruntime.__version__, "pyarrow": pa.__version__}
"""Name and version."""


def engines_changed(earlier: object) -> str | None:
    """`DuckDB 2.0.0 is now 2.1.0`, for each that changed since `earlier` was noted; None where none did."""
    noted = earlier if isinstance(earlier, dict) else {}
    changed = [
        f"{name} {noted.get(name, 'of an unknown version')} is now {version}"
        for name, version in ENGINES.items()
        if noted.get(name) != version
    ]
    return ", ".join(changed) or None

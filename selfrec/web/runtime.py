"""onnxruntime-web on this machine: found in an npm install or a given folder, never fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from selfrec.errors import TargetError, one_line

SCRIPT = "ort.wasm.bundle.min.mjs"
"""What `import "onnxruntime-web/wasm"` leads to: the WebAssembly backend alone, its loader inside."""
WASM = "ort-wasm-simd-threaded.wasm"

_PACKAGE = Path("onnxruntime-web")
_VERSION = re.compile(rb"ONNX Runtime Web v([0-9][0-9A-Za-z.\-]*)")
_HOW = "run `npm install onnxruntime-web` here, or name its dist folder with --runtime"


@dataclass(frozen=True)
class Runtime:
    """The two files of onnxruntime-web that a page needs."""

    script: Path
    wasm: Path
    version: str


def find_runtime(given: Path | None = None, start: Path | None = None) -> Runtime:
    """The runtime in `given`, or in the node_modules of `start` (the working folder) or a folder above it.

    given: the package's dist folder, the package, a node_modules or a folder that holds one.
    Raises TargetError that says how to get it.
    """
    if given is not None:
        places = [given, given / "dist", given / _PACKAGE / "dist", given / "node_modules" / _PACKAGE / "dist"]
        wanted = f"{str(given)!r} holds no onnxruntime-web ({SCRIPT}, {WASM})"
    else:
        start = (start or Path.cwd()).resolve()
        places = [folder / "node_modules" / _PACKAGE / "dist" for folder in (start, *start.parents)]
        wanted = "the page needs onnxruntime-web, which is in no node_modules of this folder or above it"
    for place in places:
        if (place / SCRIPT).is_file() and (place / WASM).is_file():
            return _checked(place)
    raise TargetError(f"{wanted}; {_HOW}")


def _checked(place: Path) -> Runtime:
    try:
        with (place / SCRIPT).open("rb") as script, (place / WASM).open("rb") as wasm:
            head, magic = script.read(1000), wasm.read(4)
    except OSError as error:
        raise TargetError(f"{place}: onnxruntime-web cannot be read ({one_line(error)}); {_HOW}") from error
    version = _VERSION.search(head)
    if version is None or magic != b"\0asm":
        raise TargetError(f"{place}: {SCRIPT} and {WASM} are not those of onnxruntime-web; {_HOW}")
    return Runtime(place / SCRIPT, place / WASM, version.group(1).decode())

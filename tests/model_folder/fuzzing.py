"""The worker of test_fuzz.py: damages a model folder by a seed, uses it, and says on a line what came of it.

Run as `python -m tests.model_folder.fuzzing WHOLE WORK FIRST LAST`: the folder to damage copies of, a folder to work
in, and the seeds. A process of its own, with bounds on memory and time, for a crash must not take the test with it.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import sys
from pathlib import Path

from selfrec.errors import SelfrecError
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.model_folder.writing import hash_file
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings

FILES = ("manifest.json", "items.parquet", "model.onnx")
MEMORY = 6 * 2**30
"""Address space; onnxruntime and Arrow reserve more than they use."""


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Bits flipped, bytes inserted, removed, zeroed or copied elsewhere, the end cut off."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 5))):
        if not data:
            break
        at, length = draw.randrange(len(data)), draw.choice((1, 1, 4, 8, 40))
        kind = draw.choice(("flip", "flip", "flip", "set", "insert", "remove", "zero", "ones", "copy", "cut"))
        if kind == "flip":
            data[at] ^= 1 << draw.randrange(8)
        elif kind == "set":
            data[at] = draw.randrange(256)
        elif kind == "insert":
            data[at:at] = draw.randbytes(length)
        elif kind == "remove":
            del data[at : at + length]
        elif kind in ("zero", "ones"):
            data[at : at + length] = (b"\0" if kind == "zero" else b"\xff") * len(data[at : at + length])
        elif kind == "copy":
            source = draw.randrange(len(data))
            data[at : at + length] = data[source : source + length]
        elif draw.random() < 0.3:
            del data[at:]
    return bytes(data)


def damage(whole: Path, folder: Path, seed: int) -> tuple[str, bool]:
    """Make a damaged copy of a model; the file that was damaged, and whether the manifest was made to agree."""
    draw = random.Random(seed)
    name, sealed = draw.choice(FILES), draw.random() < 0.7
    for path in whole.iterdir():
        shutil.copyfile(path, folder / path.name)
    (folder / name).write_bytes(damaged((whole / name).read_bytes(), draw))
    sealed = sealed and name != "manifest.json"
    if sealed:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"][name] = hash_file(folder / name).model_dump()
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return name, sealed


def lists_of(folder: Path) -> list[list[object]]:
    """Ids of the lists of some users, whatever the model says its size is."""
    model = open_model(folder)
    ids = model.catalog.item_ids.to_pylist()
    rows = [[], [0], [1, 2], [model.n_items - 1], list(range(model.n_items))]
    scorer = Scorer(model, ScoringSettings(k=min(2, model.top_k), threads=1))
    found = scorer.score(Histories.from_rows(rows, model.n_items))
    return [[None if number == len(ids) else ids[number] for number in row] for row in found.items.tolist()]


def outcome(whole: Path, folder: Path, seed: int, expected: list[list[object]]) -> str:
    """`refused`, `right`, or `other` where a sealed file holds other values, which nobody can tell."""
    name, sealed = damage(whole, folder, seed)
    try:
        found = lists_of(folder)
    except SelfrecError as error:
        text = str(error)
        return f"refused {name} {text}" if text and "\n" not in text else f"unclear {name} {text!r}"
    except Exception as error:
        return f"unexpected {name} {type(error).__name__} {' '.join(str(error).split())[:300]}"
    if found == expected:
        return f"right {name}"
    return f"{'other' if sealed else 'wrong'} {name}"


def main(whole: str, work: str, first: str, last: str) -> None:
    """A line a seed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    expected = lists_of(Path(whole))
    print("ready", flush=True)
    for seed in range(int(first), int(last)):
        print(seed, outcome(Path(whole), Path(work), seed, expected), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

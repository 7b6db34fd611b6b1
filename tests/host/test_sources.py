"""The hash of a plugin's source: the same for the same code, another after an edit, however the plugin is laid out."""

from __future__ import annotations

import importlib
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from selfrec.host.listing import PluginInfo, Status
from selfrec.host.manager import PluginManager
from selfrec.host.sources import source_hash

ALONE = """
from selfrec.plugin import Generator, PartOptions, hookimpl

def build(options, sizes): ...

@hookimpl
def selfrec_generators():
    yield Generator(name="colours", summary="Colours.", options=PartOptions, build=build)
"""
WITH_TRAINER = ALONE.replace("def build", "from {package}.training import train\n\ndef build").replace(
    "build=build", "build=build, trainer=train"
)
TRAIN = "def train(module, fitting): ...\n"

Layout = dict[str, str]
LAYOUTS: dict[str, tuple[str, Layout]] = {
    "a module": ("colours_one", {"colours_one.py": ALONE}),
    "a package": (
        "colours_two",
        {
            "colours_two/__init__.py": WITH_TRAINER.format(package="colours_two"),
            "colours_two/training.py": TRAIN,
            # Imported when it is trained, if at all.
            "colours_two/inner/losses.py": "LOSS = 1\n",
        },
    ),
    "a module of a namespace package": (
        "colours_space.plugin",
        {"colours_space/plugin.py": WITH_TRAINER.format(package="colours_space"), "colours_space/training.py": TRAIN},
    ),
    "a package in a namespace package": (
        "colours_room.plugin",
        {
            "colours_room/plugin/__init__.py": WITH_TRAINER.format(package="colours_room.plugin"),
            "colours_room/plugin/training.py": TRAIN,
        },
    ),
    "an object of a module": (
        "colours_three:hooks",
        {"colours_three.py": ALONE + "\nimport sys\nhooks = sys.modules[__name__]\n"},
    ),
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], PluginInfo]]:
    """Load a plugin from a folder or a zip file, anew each time."""
    loaded: list[str] = []

    def call(place: Path, value: str) -> PluginInfo:
        name = value.partition(":")[0].partition(".")[0]
        for module in [key for key in sys.modules if key.partition(".")[0] == name]:
            del sys.modules[module]
        loaded.append(name)
        importlib.invalidate_caches()
        with monkeypatch.context() as patched:
            patched.syspath_prepend(str(place))
            manager = PluginManager.load(points=[EntryPoint("colours", value, "selfrec")])
        (info,) = manager.listing()
        assert (info.status, info.reason) == (Status.LOADED, "")
        return info

    yield call
    for module in [key for key in sys.modules if key.partition(".")[0] in loaded]:
        del sys.modules[module]


def lay_out(folder: Path, files: Layout, *, zipped: bool) -> Path:
    """Write the files into a new folder, or into a zip file in it; where to import from."""
    folder.mkdir()
    if zipped:
        with zipfile.ZipFile(folder / "plugin.zip", "w") as archive:
            # Without entries of their own, folders are no namespace packages to zipimport.
            for parent in {str(parent) for name in files for parent in Path(name).parents} - {"."}:
                archive.writestr(f"{parent}/", "")
            for name, text in files.items():
                archive.writestr(name, text)
        return folder / "plugin.zip"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


CASES = [(layout, edited) for layout, (_, files) in LAYOUTS.items() for edited in files]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("layout", "edited"), CASES)
def test_an_edit_of_any_module_is_seen(
    layout: str, edited: str, zipped: bool, tmp_path: Path, load: Callable[[Path, str], PluginInfo]
) -> None:
    value, files = LAYOUTS[layout]
    first = source_hash(load(lay_out(tmp_path / "first", files, zipped=zipped), value))
    same = source_hash(load(lay_out(tmp_path / "same", files, zipped=zipped), value))
    other = lay_out(tmp_path / "other", {**files, edited: files[edited] + "# edited\n"}, zipped=zipped)
    assert same == first
    assert source_hash(load(other, value)) != first


def test_what_is_no_code_and_what_python_leaves_behind_do_not_count(
    tmp_path: Path, load: Callable[[Path, str], PluginInfo]
) -> None:
    value, files = LAYOUTS["a package"]
    place = lay_out(tmp_path / "first", files, zipped=False)
    first = source_hash(load(place, value))
    (place / "colours_two" / "notes.txt").write_text("later")
    (place / "colours_two" / "__pycache__").mkdir(exist_ok=True)
    (place / "colours_two" / "__pycache__" / "old.pyc").write_bytes(b"1")
    assert source_hash(load(place, value)) == first


def test_a_helper_that_the_distribution_lists_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the plugin's own, which may be imported in `train` alone."""
    info = tmp_path / "colours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colours\nVersion: 1.0\n")
    (info / "RECORD").write_text("colour_helper.py,,\ncolours-1.0.dist-info/METADATA,,\ngone.py,,\n")
    helper = tmp_path / "colour_helper.py"
    helper.write_text("RED = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = PluginInfo("colours", "colours", "colours", "1.0", Status.LOADED, "")
    first = source_hash(plugin)
    helper.write_text("RED = 2\n")
    assert source_hash(plugin) != first


def test_shipped_plugins_have_hashes_of_their_own() -> None:
    infos = [info for info in PluginManager.load().listing() if info.distribution == "selfrec"]
    hashes = [source_hash(info) for info in infos]
    assert len(set(hashes)) == len(infos)
    assert hashes == [source_hash(info) for info in infos]


@pytest.mark.parametrize("of", ["torch._C._nn", "torch.there_is_none"])
def test_functions_of_modules_without_a_file(of: str, tmp_path: Path, load: Callable[[Path, str], PluginInfo]) -> None:
    """As `torch.nn.functional.gelu` is, whose module is a part of an extension."""
    code = f"{ALONE}\nimport torch\nbuild.__module__ = {of!r}\n"
    first = source_hash(load(lay_out(tmp_path / "first", {"colours_one.py": code}, zipped=False), "colours_one"))
    edited = {"colours_one.py": code + "# edited\n"}
    assert source_hash(load(lay_out(tmp_path / "other", edited, zipped=False), "colours_one")) != first


def test_a_function_of_an_extension_is_a_trainer(tmp_path: Path, load: Callable[[Path, str], PluginInfo]) -> None:
    code = ALONE.replace("build=build", "build=build, trainer=gelu") + "\nfrom torch.nn.functional import gelu\n"
    info = load(lay_out(tmp_path / "plugin", {"colours_one.py": code}, zipped=False), "colours_one")
    assert info.parts[0].trainer.__module__ == "torch._C._nn"
    assert len(source_hash(info)) == 64


def test_files_are_not_held_all_at_once(tmp_path: Path, load: Callable[[Path, str], PluginInfo]) -> None:
    value, files = LAYOUTS["a package"]
    large = {f"colours_two/inner/table_{number}.py": "#" * 2**20 for number in range(16)}
    info = load(lay_out(tmp_path / "plugin", {**files, **large}, zipped=False), value)
    tracemalloc.start()
    source_hash(info)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * 2**20

"""An error of a plugin's code names the file and the line that the author has to look at."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from types import ModuleType

import pytest

from selfrec.errors import PluginError
from selfrec.host.plugin_lines import line_of, module_of, package_of
from selfrec.testing import benches

MODULE = """from selfrec.plugin import Generator, PartOptions, hookimpl


def build(options, sizes):
    import torch

    class Falls(torch.nn.Module):
        def generate(self, batch, features):
            return inner(batch.history)

    return Falls()


def inner(history):
    import torch

    return torch.zeros(3)[history + 1_000_000]


def train(module, fitting):
    return None


@hookimpl
def selfrec_generators():
    yield Generator(name="falls", summary="Falls.", options=PartOptions, build=build, trainer=train)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> ModuleType:
    path = tmp_path / "selfrec_falls.py"
    path.write_text(MODULE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("selfrec_falls", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_innermost_line_of_the_plugin_is_named(plugin: ModuleType) -> None:
    (bench,) = benches(plugin.selfrec_generators())
    with pytest.raises(
        PluginError, match=r"generate failed: IndexError: .+ \(selfrec_falls\.py, line 17\); the contract"
    ):
        _ = bench.fitted


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("batch.weights", r"`generate` returned torch.float32 \[16, \d+\]"),
        ("None", "`generate` returned a NoneType"),
        ("torch.rand(len(batch.history), 20)", "`generate` gives the same users other numbers each time"),
        ("batch.weights.mul_(2)", "`generate` changes batch.weights in place, which other parts read after it"),
    ],
)
def test_a_method_that_returns_the_wrong_thing_is_named_with_its_line(body: str, told: str, plugin: ModuleType) -> None:
    changed = MODULE.replace("inner(batch.history)", body)
    exec(compile(changed, "selfrec_falls.py", "exec"), vars(plugin))
    (bench,) = benches(plugin.selfrec_generators())
    with pytest.raises(PluginError, match=rf"^generator 'falls': {told} \(selfrec_falls\.py, line 8\); the contract"):
        _ = bench.fitted


def test_an_error_from_elsewhere_has_no_line(plugin: ModuleType) -> None:
    (record,) = plugin.selfrec_generators()
    with pytest.raises(TypeError) as raised:
        plugin.inner()
    assert line_of(raised.value, record) == ""


def test_what_an_error_was_raised_from_is_looked_at(plugin: ModuleType) -> None:
    (record,) = plugin.selfrec_generators()
    with pytest.raises(TypeError) as inner:
        plugin.inner("text")
    with pytest.raises(ValueError, match="torch's own words") as raised:
        raise ValueError("torch's own words") from inner.value
    assert line_of(raised.value, record) == " (selfrec_falls.py, line 17)"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("def train(module, fitting)", "def train(module)", r"training failed: TypeError: train\(\) .+, line 20"),
        ("def build(options, sizes)", "def build(options)", r"build failed: TypeError: build\(\) .+, line 4"),
        ("def generate(self, batch, features)", "def generate(self, batch)", r"generate failed: TypeError: .+, line 8"),
    ],
)
def test_a_function_of_the_wrong_arguments_is_named_with_its_first_line(
    old: str, new: str, told: str, plugin: ModuleType
) -> None:
    exec(compile(MODULE.replace(old, new), "selfrec_falls.py", "exec"), vars(plugin))
    (bench,) = benches(plugin.selfrec_generators())
    with pytest.raises(PluginError, match=rf"^generator 'falls': {told}\); the contract wants "):
        _ = bench.fitted


def test_a_field_of_the_wrong_arguments_is_named_with_its_first_line(plugin: ModuleType) -> None:
    (record,) = plugin.selfrec_generators()
    with pytest.raises(
        PluginError,
        match=r"^generator 'falls': inputs failed: TypeError: train\(\) .+ \(selfrec_falls\.py, line 20\); ",
    ):
        replace(record, inputs=plugin.train).reads(record.options())


def test_the_module_of_a_partial_is_that_of_its_function(plugin: ModuleType) -> None:
    decorated = partial(wraps(plugin.build)(lambda *given: None), "options")
    assert (module_of(decorated), package_of(decorated)) == ("selfrec_falls", "selfrec_falls")
    (record,) = plugin.selfrec_generators()
    (bench,) = benches([replace(record, build=partial(plugin.build))])
    with pytest.raises(PluginError, match=r"IndexError: .+ \(selfrec_falls\.py, line 17\); the contract"):
        _ = bench.fitted

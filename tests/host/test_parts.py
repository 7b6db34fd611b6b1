"""The early check of a configuration's parts."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from pydantic import Field

from selfrec.errors import PluginError, SettingsError
from selfrec.host.manager import PluginManager
from selfrec.host.parts import check_parts
from selfrec.plugin import FeatureExtractor, Generator, PartOptions, Ranker, hookimpl
from selfrec.settings.config import load_config


class Options(PartOptions):
    width: int = Field(8, ge=1, description="Width.")


def never(*_: Any) -> Any:
    raise AssertionError("a check builds nothing")


@pytest.fixture
def plugins() -> PluginManager:
    @hookimpl
    def selfrec_feature_extractors() -> list[FeatureExtractor]:
        return [FeatureExtractor(name="ae", summary="x", options=Options, build=never)]

    @hookimpl
    def selfrec_generators() -> list[Generator]:
        return [Generator(name="ae", summary="x", options=Options, build=never)]

    @hookimpl
    def selfrec_rankers() -> list[Ranker]:
        return [Ranker(name="mlp", summary="x", options=Options, build=never)]

    module = ModuleType("own")
    for hook in (selfrec_feature_extractors, selfrec_generators, selfrec_rankers):
        setattr(module, hook.__name__, hook)
    manager = PluginManager()
    manager.register(module, "own")
    return manager


BASE = ["pipeline.extractors=ae", "pipeline.generators=ae", "pipeline.ranker=none"]


@pytest.mark.parametrize("label", ["a/b", "../x", "a b", "ä"])
def test_a_label_that_is_no_bare_key(plugins: PluginManager, label: str) -> None:
    config = load_config(overrides=[*BASE, f'pipeline.generators=["ae", "{label}:ae"]'])
    with pytest.raises(SettingsError, match="a label is letters, digits, - and _; choose another for"):
        check_parts(config, plugins)


def test_named_parts_with_labels(plugins: PluginManager) -> None:
    config = load_config(overrides=[*BASE, "pipeline.extractors=ae,wide:ae", "extractor.wide.width=64"])
    found = check_parts(config, plugins)
    assert {kind: list(parts) for kind, parts in found.items()} == {
        "extractor": ["ae", "wide"],
        "generator": ["ae"],
        "ranker": [],
    }
    assert found["extractor"]["wide"] is found["extractor"]["ae"]


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("generator.ae.widht=3", SettingsError, "unknown option 'generator.ae.widht'; did you mean 'width'?"),
        (
            "generator.ae.width=0",
            SettingsError,
            "option 'generator.ae.width' is 0: should be greater than or equal to 1; give it another value",
        ),
        ("pipeline.ranker=mpl", PluginError, "unknown ranker 'mpl'; did you mean 'mlp'?"),
        (
            "pipeline.generators=ae,ae",
            SettingsError,
            "generator 'ae' is named twice in [pipeline]; give one a label: second:ae",
        ),
        ("pipeline.generators=:ae", SettingsError, "generator ':ae' is not NAME or LABEL:NAME; mend it in [pipeline]"),
        (
            "pipeline.generator_weights.aa=1",
            SettingsError,
            "unknown generator 'aa' in pipeline.generator_weights; known: ae",
        ),
    ],
)
def test_a_wrong_configuration(plugins: PluginManager, override: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        check_parts(load_config(overrides=[*BASE, override]), plugins)
    assert str(raised.value) == message


class TestFaces:
    """Extractor and generator `ae` are built by one function: two faces of one module."""

    @pytest.mark.parametrize(
        ("extractors", "generators", "named", "wanted"),
        [
            ("", "ae", "ae", "ae"),
            ("wide:ae", "ae", "ae", "wide:ae,ae"),
            ("ae", "ae,wide:ae", "wide:ae", "ae,wide:ae"),
        ],
    )
    def test_a_generator_without_its_extractor(
        self, plugins: PluginManager, extractors: str, generators: str, named: str, wanted: str
    ) -> None:
        overrides = [*BASE, f"pipeline.extractors={extractors}", f"pipeline.generators={generators}"]
        with pytest.raises(SettingsError) as raised:
            check_parts(load_config(overrides=overrides), plugins)
        assert str(raised.value) == (
            f"generator '{named}' is the other face of extractor '{named}' and reads its features, but [pipeline] "
            f"names no such extractor; add it: -o pipeline.extractors={wanted}"
        )

    def test_an_extractor_may_stand_alone(self, plugins: PluginManager) -> None:
        overrides = [*BASE, "pipeline.extractors=ae,wide:ae", "pipeline.generators=wide:ae"]
        assert list(check_parts(load_config(overrides=overrides), plugins)["generator"]) == ["wide"]

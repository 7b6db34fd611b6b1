"""From preset, file and overrides to one configuration."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from selfrec.errors import SettingsError
from selfrec.settings.base import PartOptions
from selfrec.settings.config import load_config, merged, named_parts, parse_override, toml_value
from selfrec.settings.presets import PRESETS
from selfrec.settings.tables import Config
from selfrec.settings.validation import validated


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "selfrec.toml"
    path.write_text(text)
    return path


def test_later_layers_win(tmp_path: Path) -> None:
    path = write(tmp_path, "seed = 3\n[cleaning]\nmax_history = 7\nfold = 'sum'\n[events]\nview = 1\n")
    config = load_config(
        path,
        overrides=["cleaning.max_history=9", "events.view=2", "events.buy=5"],
        seed=4,
        source={"table": "shop"},
    )
    assert (config.seed, config.source.table) == (4, "shop")
    assert (config.cleaning.max_history, config.cleaning.fold) == (9, "sum")
    assert config.events == {"view": 2.0, "buy": 5.0}
    assert config.cleaning.min_users_per_item == 5


def test_the_preset_lies_under_everything(tmp_path: Path) -> None:
    classic = PRESETS["classic"].settings["pipeline"]
    assert load_config(preset="classic").pipeline.ranker == classic["ranker"]
    assert load_config(write(tmp_path, "preset = 'classic'")).preset == "classic"
    assert load_config(write(tmp_path, "preset = 'classic'"), preset="fast").preset == "fast"
    assert load_config(preset="classic", overrides=["pipeline.ranker=none"]).pipeline.ranker is None


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_sound_configuration(name: str) -> None:
    config = load_config(preset=name)
    assert config.preset == name
    for kind in ("extractor", "generator", "ranker"):
        labels = {part.partition(":")[0] for part in named_parts(config, kind)}
        assert set(getattr(config, kind)) <= labels
        assert set(PRESETS[name].settings.get(kind, {})) <= labels


def test_a_configuration_survives_being_written_and_read() -> None:
    config = load_config(preset="classic", overrides=["events.view=2", "cleaning.half_life_days=30"])
    assert Config.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("splt.kind=1", "unknown option 'splt'; did you mean 'split'?"),
        ("split.knd=1", "unknown option 'split.knd'; did you mean 'kind'?"),
        (
            "split.kind=foo",
            "option 'split.kind' is 'foo': should be 'leave-last', 'temporal', 'random', 'users' or 'column'; "
            "give it another value",
        ),
        ("split.validation=2", "option 'split.validation' is 2: should be less than 0.9; give it another value"),
        (
            "cleaning.missing_weight=foo",
            "option 'cleaning.missing_weight' is 'foo': should be a number or should be 'drop'; give it another value",
        ),
        ("events.view=x", "option 'events.view' is 'x': should be a number; give it another value"),
        ("events=3", "option 'events' is 3: should be a table of names and values; give it another value"),
        (
            "pipeline.generators=",
            "option 'pipeline.generators' is (): should have 1 or more of them; give it another value",
        ),
        ("source.table=", "option 'source.table' is '': should have 1 or more characters; give it another value"),
        ("training.threads=two", "option 'training.threads' is 'two': should be a whole number; give it another value"),
        (
            "events.view=0",
            "option 'events' is {'view': 0}: event 'view' weighs 0.0; weights are > 0 (see cleaning.exclude_events); "
            "give it another value",
        ),
        ("cleaning.half_life_days=inf", "option 'cleaning.half_life_days' is inf: should be a finite number"),
        ('preset=["fast"]', "unknown preset ['fast']; did you mean 'fast'?"),
        ("preset=fst", "unknown preset 'fst'; did you mean 'fast'?"),
        (
            "generator.autoencodr.epochs=3",
            "[generator.autoencodr] sets options of a part that pipeline.generators does not name; "
            "did you mean 'autoencoder'?",
        ),
        (
            "generator.ease.ridge=3",
            "[generator.ease] sets options of a part that pipeline.generators does not name; "
            "name it (-o pipeline.generators=autoencoder,itemknn,slim,popularity,short:popularity,gan,ease), "
            "or take the table out",
        ),
        ("generator.epochs=3", "[generator] holds an option without a part; write it under [generator.NAME]"),
        ("seed", "override 'seed' is not name=value; write it like -o generator.gan.epochs=20"),
        ("a b=1", "override 'a b=1': 'a b' is no option name; write it like -o generator.gan.epochs=20"),
    ],
)
def test_a_wrong_override_is_one_helpful_line(override: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_config(preset=None if override.startswith("preset") else "full", overrides=[override])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_options_of_a_ranker_that_is_not_there_say_how_to_name_it() -> None:
    with pytest.raises(SettingsError) as error:
        load_config(overrides=["ranker.mlp.epochs=3"])
    assert str(error.value) == (
        "[ranker.mlp] sets options of a part that pipeline.ranker does not name; name it (-o pipeline.ranker=mlp), "
        "or take the table out"
    )


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml' cannot be read .*; `selfrec init` writes one"):
        load_config(tmp_path / "missing.toml")
    with pytest.raises(SettingsError, match=r"selfrec\.toml' is not TOML: .*line 1"):
        load_config(write(tmp_path, "seed = = 1"))


def test_a_mark_of_the_encoding_before_the_first_line_is_none_of_it(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "\ufeffseed = 7\r\n")).seed == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("0.5", 0.5),
        ("true", True),
        ('["a", "b"]', ["a", "b"]),
        ("temporal", "temporal"),
        ("'20'", "20"),
        ("", ""),
        ("1\nx = 2", "1\nx = 2"),
    ],
)
def test_values_are_toml_or_text(text: str, value: Any) -> None:
    assert toml_value(text) == value


def test_lists_and_unset_options_as_text() -> None:
    config = load_config(overrides=["pipeline.generators=autoencoder, gan", "cleaning.max_events_robust=none"])
    assert config.pipeline.generators == ("autoencoder", "gan")
    assert config.cleaning.max_events_robust is None
    assert config.cleaning.missing_weight == 1.0
    assert load_config(overrides=["cleaning.missing_weight=drop"]).cleaning.missing_weight == "drop"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("pipeline.generators=[a,b", "'[a,b': has [ without ]"),
        ('pipeline.generators=["a","b"', '\'["a","b"\': has [ without ]'),
        ("pipeline.extractors=a,b]", "'a,b]': has ] without ["),
        (
            "cleaning.exclude_events=[view]",
            "'[view]': is no list of TOML, where texts stand in quotes",
        ),
    ],
)
def test_half_a_list(override: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_config(overrides=[override])
    name = override.partition("=")[0]
    assert str(error.value) == f'option {name!r} is {says}, and a list is a,b or ["a", "b"]; give it another value'


def test_brackets_within_a_text() -> None:
    read = load_config(overrides=["cleaning.exclude_events=view [web],like [app]", 'pipeline.extractors=["a"]'])
    assert read.cleaning.exclude_events == ("view [web]", "like [app]")
    assert read.pipeline.extractors == ("a",)


def test_quoted_names() -> None:
    assert parse_override('events."page view"=2') == {"events": {"page view": 2}}


def test_options_of_parts_the_preset_no_longer_names_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from selfrec.settings import config as module
    from selfrec.settings.presets import Preset

    preset = Preset("mine", "x", {"pipeline": {"ranker": "mlp"}, "ranker": {"mlp": {"epochs": 3}}})
    monkeypatch.setattr(module, "PRESETS", {"mine": preset})
    assert load_config(preset="mine").ranker == {"mlp": {"epochs": 3}}
    assert load_config(preset="mine", overrides=["pipeline.ranker=none"]).ranker == {}


_tables = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.sampled_from(string.ascii_lowercase[:4]), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.sampled_from(string.ascii_lowercase[:4]), _tables, max_size=3)


@given(tables, tables)
def test_merging_keeps_the_upper(low: Any, high: Any) -> None:
    assert merged(low, low) == low
    assert merged({}, low) == merged(low, {}) == low
    for name, value in high.items():
        if not isinstance(value, dict):
            assert merged(low, high)[name] == value


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.integers(), min_size=1, max_size=1))
def test_an_override_is_the_table_it_says(table: dict[str, int]) -> None:
    ((name, value),) = table.items()
    assert parse_override(f"outer.{name}={value}") == {"outer": table}


def test_a_list_of_any_type_is_written_with_commas() -> None:
    """Plugin authors write list[int] as well as tuple[int, ...]."""

    class Widths(PartOptions):
        rows: tuple[int, ...] = Field((1,), description="Rows.")
        layers: list[int] = Field([64], description="Layers.")
        names: set[str] | None = Field(None, description="Names.")

    read = Widths.model_validate({"rows": "8,4", "layers": "32, 16", "names": "a,b"})
    assert (read.rows, read.layers, read.names) == ((8, 4), [32, 16], {"a", "b"})


class Layers(PartOptions):
    widths: tuple[int, ...] = Field((8,), description="Widths.")
    maybe: tuple[float, ...] | None = Field(None, description="Numbers.")
    either: float | tuple[float, ...] = Field(1.0, description="A number, or some.")


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (64, "widths", (64,)),
        ("64", "widths", (64,)),
        ([64, 32], "widths", (64, 32)),
        (2, "maybe", (2.0,)),
        ("none", "maybe", None),
        (2, "either", 2.0),
    ],
)
def test_one_number_is_a_list_of_one(given: Any, name: str, value: Any) -> None:
    assert getattr(Layers.model_validate({name: given}), name) == value


class Layer(PartOptions):
    width: int = Field(4, description="Width.", ge=1)


class Nested(PartOptions):
    layers: list[Layer] = Field([Layer()], description="Some tables.")
    by_name: dict[str, Layer] = Field({}, description="Tables by name.")
    both: tuple[int, str] = Field((1, "a"), description="Two values.")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"layers": [{}, {"width": 0}]}, "option 'layers.1.width' is 0: should be greater than or equal to 1"),
        ({"layers": [{"wdth": 2}]}, "unknown option 'layers.0.wdth'; did you mean 'width'?"),
        ({"by_name": {"a": {"wdth": 2}}}, "unknown option 'by_name.a.wdth'; did you mean 'width'?"),
        ({"by_name": {"a": {"width": "x"}}}, "option 'by_name.a.width' is 'x': should be a whole number"),
        ({"both": ["x", "b"]}, "option 'both' is 'x': should be a whole number"),
    ],
)
def test_an_option_in_a_list_or_a_table_of_tables_is_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(told)}"):
        validated(Nested, values)


class Wide(PartOptions):
    layer: Layer = Field(Layer(width=9), description="A table with a default of its own.")
    deep: int = Field(1, description="Depth.")


class Outer(PartOptions):
    wide: Wide = Field(Wide(deep=3), description="A table of tables.")


def test_a_table_keeps_the_default_of_what_is_not_set() -> None:
    """As `plugins show` and `init` have it: wide.deep = 3, wide.layer.width = 9."""
    assert validated(Outer, {"wide": {"layer": {}}}).wide == Wide(deep=3, layer=Layer(width=9))
    assert validated(Outer, {"wide": {"deep": 2}}).wide == Wide(deep=2, layer=Layer(width=9))
    assert validated(Outer, {"wide": {"layer": {"width": 5}}}).wide == Wide(deep=3, layer=Layer(width=5))
    assert validated(Outer, {"wide": Wide()}).wide == Wide(deep=1)

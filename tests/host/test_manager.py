"""The plugin manager, with distributions that really stand on sys.path."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import pytest

from selfrec.errors import PluginError
from selfrec.host.listing import Status
from selfrec.host.manager import GROUP, PluginManager

Install = Callable[..., None]

GENERATOR = """
    from selfrec.plugin import Generator, PartOptions, hookimpl
    from pydantic import Field

    class Options(PartOptions):
        width: int = Field(8, description="Width.")

    @hookimpl
    def selfrec_generators():
        yield Generator(name={name!r}, summary="A test.", options=Options, build=lambda options, sizes: None)
"""

NESTED = """
    from selfrec.plugin import Generator, PartOptions, hookimpl
    from pydantic import BaseModel, Field

    class Inner({base}):
        depth: int = {field}

    class Options(PartOptions):
        inner: {kind} | None = Field(None, description="A table.")

    @hookimpl
    def selfrec_generators():
        yield Generator(name="tiny", summary="A test.", options=Options, build=lambda options, sizes: None)
"""

RANKER = GENERATOR.format(name="tiny").replace("Generator", "Ranker").replace("selfrec_generators", "selfrec_rankers")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a distribution with one entry point out on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def lay_out(module: str, source: str, *, name: str | None = None, version: str = "1.0") -> None:
        (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[selfrec]\n{name or module} = {module}\n")

    yield lay_out
    for added in set(sys.modules) - before:
        if getattr(sys.modules[added], "__file__", None) and str(tmp_path) in str(sys.modules[added].__file__):
            del sys.modules[added]


def load(*disabled: str) -> PluginManager:
    points = [point for point in entry_points(group=GROUP) if point.dist is None or point.dist.name != "selfrec"]
    return PluginManager.load(disabled, points)


def reason(plugins: PluginManager, name: str) -> tuple[Status, str]:
    (info,) = [info for info in plugins.listing() if info.name == name]
    return info.status, info.reason


def test_a_sound_plugin_is_loaded_and_found(install: Install) -> None:
    install("sound", GENERATOR.format(name="tiny"), version="2.5")
    plugins = load()
    record = plugins.get("generator", "tiny")
    assert (record.name, record.summary) == ("tiny", "A test.")
    (info,) = plugins.listing()
    assert (info.provider, info.status, info.reason) == ("sound 2.5", Status.LOADED, "")
    assert [(info.name, record.name) for info, record in plugins.parts("generator")] == [("sound", "tiny")]
    assert plugins.parts("ranker") == []


def test_an_unknown_name_is_answered_with_the_nearest(install: Install) -> None:
    install("sound", GENERATOR.format(name="tiny"))
    with pytest.raises(PluginError, match=r"^unknown generator 'tinny'; did you mean 'tiny'\?$"):
        load().get("generator", "tinny")
    with pytest.raises(PluginError, match=r"^unknown ranker 'tiny'; known: none$"):
        load().get("ranker", "tiny")


def test_a_plugin_that_fails_to_import_is_skipped_with_the_reason(install: Install) -> None:
    install("broken", "import no_such_module")
    install("sound", GENERATOR.format(name="tiny"))
    plugins = load()
    assert plugins.get("generator", "tiny").name == "tiny"
    status, text = reason(plugins, "broken")
    assert status is Status.BROKEN
    assert re.fullmatch(r"ModuleNotFoundError: No module named 'no_such_module' \(\w+\.py, line 1\)", text)
    with pytest.raises(PluginError, match=r"known: tiny; plugin 'broken' is broken: ModuleNotFoundError"):
        plugins.get("generator", "wanted")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = 1", "it implements no hook; mark its functions with @selfrec.plugin.hookimpl"),
        (
            "from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_generator():\n    return []",
            "unknown hook 'selfrec_generator'; did you mean 'selfrec_generators'?",
        ),
        (
            "from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_generators():\n    yield 1 / 0",
            "ZeroDivisionError: division by zero",
        ),
        (
            "from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_generators():\n    return 7",
            "selfrec_generators returns a int; it must yield records",
        ),
        (
            "from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_generators():\n    yield 'gan'",
            "selfrec_generators yields a str; it must yield Generator records",
        ),
        (
            "from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_generators():\n    'forgets to yield'",
            "selfrec_generators returns nothing; it must yield records",
        ),
        (
            GENERATOR.format(name="tiny").replace("    @hookimpl\n", "")
            + "\n    @hookimpl\n    def selfrec_epoch_end(stage): ...\n",
            "selfrec_generators is not marked as a hook; write @selfrec.plugin.hookimpl above it",
        ),
        (
            GENERATOR.format(name="tiny").replace("Field(8,", "Field(8, le=5,"),
            "generator 'tiny': its defaults are refused: option 'width' is 8: should be less than or equal to 5; give",
        ),
        (GENERATOR.format(name="tiny").replace("build=", "in_effect=4, build="), "in_effect is no function; give"),
        (GENERATOR.format(name="tiny").replace("build=", "trainer=4, build="), "trainer is no function; give"),
        (RANKER.replace("build=", "prepare=3, build="), "ranker 'tiny': prepare is no function; give prepare(module"),
        (RANKER.replace("build=", "portable='x', build="), "portable is 'x'; give True, False or portable(options)"),
        (GENERATOR.format(name="Tiny:2"), "generator 'Tiny:2': a name is lower-case letters"),
        (
            GENERATOR.format(name="tiny").replace('Field(8, description="Width.")', "8"),
            "generator 'tiny': option 'width' has no description",
        ),
        (
            NESTED.format(base="BaseModel", kind="Inner", field='Field(2, description="How deep.")'),
            "option 'inner' is made of Inner, where a misspelt name would pass unseen; derive Inner from",
        ),
        (
            NESTED.format(
                base="BaseModel", kind="dict[str, list[Inner] | None]", field='Field(2, description="Deep.")'
            ),
            "option 'inner' is made of Inner, where a misspelt name would pass unseen; derive Inner from",
        ),
        (
            NESTED.format(base="PartOptions", kind="list[Inner]", field="2"),
            "option 'inner.depth' has no description",
        ),
        (
            GENERATOR.format(name="tiny").replace("Field(8,", "Field(8, alias='the-width',"),
            "option 'width' has the alias 'the-width', but configurations know one by its field's name alone",
        ),
        (GENERATOR.format(name="tiny").replace('"A test."', "''"), "generator 'tiny': the summary must be one line"),
        (GENERATOR.format(name="tiny").replace("options=Options", "options=dict"), "options must be a subclass of"),
        (GENERATOR.format(name="tiny").replace("build=lambda options, sizes: None", "build=1"), "build is no function"),
        (
            "from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_epoch_end(stage, wrong):\n    pass",
            "selfrec_epoch_end",
        ),
    ],
)
def test_a_plugin_off_the_contract_is_skipped_with_the_reason(install: Install, source: str, wanted: str) -> None:
    install("odd", source)
    plugins = load()
    status, text = reason(plugins, "odd")
    assert status is Status.BROKEN
    assert wanted in text
    assert "\n" not in text
    assert plugins.parts("generator") == []


def test_two_plugins_of_one_name_and_kind_are_an_error_naming_both(install: Install) -> None:
    install("first", GENERATOR.format(name="tiny"), version="1.0")
    install("second", GENERATOR.format(name="tiny"), version="2.0")
    plugins = load()
    wanted = (
        "generator 'tiny' is offered by first 1.0 (plugin 'first') and second 2.0 (plugin 'second'); "
        "uninstall one or set SELFREC_DISABLE_PLUGINS to its plugin name"
    )
    with pytest.raises(PluginError) as error:
        plugins.get("generator", "tiny")
    assert str(error.value) == wanted
    assert [info.reason for info in plugins.listing()] == [wanted, wanted]
    assert load("second").get("generator", "tiny").name == "tiny"


def test_one_record_twice_in_a_plugin(install: Install) -> None:
    install("twice", GENERATOR.format(name="tiny") + GENERATOR.format(name="tiny").splitlines()[-1] + "\n")
    assert reason(load(), "twice")[1] == "selfrec_generators yields 'tiny' twice; give the second another name"


def test_two_distributions_with_one_entry_point_name(install: Install) -> None:
    install("first", GENERATOR.format(name="tiny"), name="same")
    install("second", GENERATOR.format(name="other"), name="same")
    plugins = load()
    assert [(info.name, info.status) for info in plugins.listing()] == [
        ("same", Status.LOADED),
        ("second:same", Status.LOADED),
    ]
    assert [plugins.get("generator", name).name for name in ("tiny", "other")] == ["tiny", "other"]


def test_two_entry_points_and_parts_of_one_name(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("first", GENERATOR.format(name="tiny"), name="same")
    install("second", GENERATOR.format(name="tiny"), name="same")
    wanted = r"^generator 'tiny' is offered by first 1\.0 \(plugin 'same'\) and second 1\.0 \(plugin 'second:same'\); "
    with pytest.raises(PluginError, match=wanted):
        load().get("generator", "tiny")
    for disabled, used in (("same", "second"), ("first:same", "second"), ("second:same", "first")):
        ((info, _),) = load(disabled).parts("generator")
        assert info.distribution == used
    assert caplog.messages == []


def test_selfrecs_own_plugin_keeps_its_name(install: Install) -> None:
    """And is not replaced by one that comes before it in the alphabet."""
    install("again", GENERATOR.format(name="popularity"), name="popularity")
    plugins = PluginManager.load()
    with pytest.raises(
        PluginError, match=r"by selfrec .* \(plugin 'popularity'\) and again 1\.0 \(plugin 'again:popularity'"
    ):
        plugins.get("generator", "popularity")
    ((info, _),) = [
        offer for offer in PluginManager.load(["again:popularity"]).parts("generator") if offer[1].name == "popularity"
    ]
    assert info.distribution == "selfrec"


def test_one_module_under_two_names(install: Install, tmp_path: Path) -> None:
    install("sound", GENERATOR.format(name="tiny"))
    (tmp_path / "sound-1.0.dist-info/entry_points.txt").write_text("[selfrec]\na = sound\nb = sound\n")
    wanted = "plugin 'b' is what plugin 'a' is already; remove one of the two names"
    assert reason(load(), "b") == (Status.BROKEN, wanted)
    assert load().get("generator", "tiny").name == "tiny"


def test_disabled_plugins_are_not_imported(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("loud", "raise RuntimeError('imported')")
    monkeypatch.setenv("SELFREC_DISABLE_PLUGINS", "other, loud")
    assert reason(load(), "loud") == (Status.DISABLED, "left out by request")
    monkeypatch.delenv("SELFREC_DISABLE_PLUGINS")
    assert reason(load(), "loud")[0] is Status.BROKEN
    assert reason(load("*"), "loud")[0] is Status.DISABLED
    assert "loud" not in sys.modules


def test_a_misspelt_name_to_disable_is_told(
    install: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install("loud", "")
    monkeypatch.setenv("SELFREC_DISABLE_PLUGINS", "laud,*")
    load()
    assert caplog.messages == ["no plugin 'laud' to disable; did you mean 'loud'?"]


LISTENER = """
    from selfrec.plugin import hookimpl
    heard = []

    @hookimpl
    def selfrec_epoch_end(stage, plugin, epoch, metrics):
        heard.append((stage, plugin, epoch, dict(metrics)))
        {then}
"""


def test_epochs_are_told_and_a_failing_listener_only_once(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("angry", LISTENER.format(then="raise OSError('no tracker')"))
    install("calm", LISTENER.format(then="pass"))
    plugins = load()
    with caplog.at_level(logging.WARNING):
        plugins.epoch_end("generator", "gan", 1, {"loss": 0.5})
        plugins.epoch_end("generator", "gan", 2, {"loss": 0.25})
    heard = [("generator", "gan", 1, {"loss": 0.5}), ("generator", "gan", 2, {"loss": 0.25})]
    assert sys.modules["calm"].heard == heard
    assert sys.modules["angry"].heard == heard[:1]
    assert [record.getMessage() for record in caplog.records] == [
        "plugin 'angry' failed in selfrec_epoch_end and is told no more: OSError: no tracker"
    ]


def test_a_listener_that_leaves_the_program_ends_no_fit(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("leaving", LISTENER.format(then="raise SystemExit(3)"))
    with caplog.at_level(logging.WARNING):
        load().epoch_end("generator", "gan", 1, {"loss": 0.5})
    assert "plugin 'leaving' failed in selfrec_epoch_end and is told no more: SystemExit: 3" in caplog.messages


def test_a_listener_cannot_change_the_figures(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    """They choose the best epoch."""
    install("vain", LISTENER.format(then="metrics['ndcg@20'] = 1.0"))
    figures = {"loss": 0.5, "ndcg@20": 0.25}
    with caplog.at_level(logging.WARNING):
        load().epoch_end("generator", "gan", 1, figures)
    assert figures == {"loss": 0.5, "ndcg@20": 0.25}
    assert "plugin 'vain' failed in selfrec_epoch_end" in caplog.text


COMMAND = """
    import click
    from selfrec.plugin import hookimpl

    @hookimpl
    def selfrec_commands(cli):
        @cli.command(name={name!r})
        def added():
            "Added by a plugin."
"""


def test_commands_of_plugins(install: Install) -> None:
    install("adds", COMMAND.format(name="extra"))
    install("greedy", COMMAND.format(name="fit"))
    plugins = load()
    (command,) = plugins.commands(taken=["fit", "score"])
    assert (command.name, command.command.help, command.plugin.name) == ("extra", "Added by a plugin.", "adds")
    assert plugins.command("extra") is not None
    assert plugins.command("missing") is None
    assert reason(plugins, "greedy") == (
        Status.BROKEN,
        "command 'fit' is selfrec's own; the plugin must choose another name",
    )


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("raise SystemExit(1)", "SystemExit: 1"),
        (
            "cli.add_command(print, 'extra')",
            "command 'extra' is a builtin_function_or_method; it must be a click.Command",
        ),
    ],
)
def test_what_goes_wrong_in_a_hook_for_commands_is_its_plugins_matter(install: Install, body: str, wanted: str) -> None:
    """`selfrec --help` asks every plugin."""
    install("odd", f"from selfrec.plugin import hookimpl\n@hookimpl\ndef selfrec_commands(cli):\n    {body}")
    plugins = load()
    assert plugins.commands() == []
    assert reason(plugins, "odd") == (Status.BROKEN, wanted)


def test_what_a_plugin_prints_when_it_is_loaded_goes_to_stderr(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or no program could read what `--json` prints."""
    install("loud", "print('imported')\n" + dedent(GENERATOR.format(name="tiny")))
    assert load().get("generator", "tiny").name == "tiny"
    assert capsys.readouterr() == ("", "imported\n")


def test_two_plugins_with_one_command(install: Install) -> None:
    install("one", COMMAND.format(name="extra"))
    install("two", COMMAND.format(name="extra"))
    plugins = load()
    assert [command.plugin.name for command in plugins.commands()] == ["one", "two"]
    with pytest.raises(PluginError, match=r"^command 'extra' is offered by one 1\.0 .* and two 1\.0"):
        plugins.command("extra")


def test_register_by_hand_leaves_the_manager_whole_when_it_fails(install: Install) -> None:
    install("sound", GENERATOR.format(name="tiny"))
    import sound

    plugins = PluginManager()
    plugins.register(sound, "mine")
    assert plugins.get("generator", "tiny").name == "tiny"
    with pytest.raises(PluginError, match="already registered"):
        plugins.register(sound, "mine")
    with pytest.raises(PluginError, match="implements no hook"):
        plugins.register(object(), "empty")
    assert [info.name for info in plugins.listing()] == ["mine"]


def test_a_part_named_as_a_broken_plugin_is_told_of_that_one_alone(install: Install) -> None:
    install("alien", "import nowhere_to_be_found")
    install("aliens", "import nowhere_either")
    install("alienated", GENERATOR.format(name="tiny"))
    plugins = load()
    with pytest.raises(PluginError) as raised:
        plugins.get("generator", "alien")
    assert str(raised.value) == (
        "unknown generator 'alien'; plugin 'alien' is broken: ModuleNotFoundError: No module named "
        "'nowhere_to_be_found' (alien.py, line 1)"
    )
    with pytest.raises(PluginError) as raised:
        plugins.get("generator", "alienated")
    assert str(raised.value) == "unknown generator 'alienated'; plugin 'alienated' offers generator 'tiny'"
    with pytest.raises(PluginError) as raised:
        plugins.get("ranker", "alienated")
    assert str(raised.value).startswith("unknown ranker 'alienated'; known: none; plugin 'alien' is broken: ")


def test_of_many_broken_plugins_a_few_are_told(install: Install) -> None:
    for name in ("one", "two", "three", "four", "five"):
        install(f"alien_{name}", f"import nowhere_{name}")
    with pytest.raises(PluginError) as raised:
        load().get("generator", "wanted")
    text = str(raised.value)
    assert text.startswith("unknown generator 'wanted'; known: none; plugin 'alien_five' is broken: ")
    assert text.count(" is broken: ") == 3
    assert text.endswith(
        "; plugin 'alien_one' is broken: ModuleNotFoundError: No module named 'nowhere_one' (alien_one.py, line 1)"
        "; 2 more take no part: `selfrec plugins` says why"
    )

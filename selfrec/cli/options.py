"""Options of the command line, made from the settings classes, so that each is declared once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from selfrec.cli.state import Function, with_options
from selfrec.scoring.lengths import LISTED
from selfrec.settings.base import Settings, members
from selfrec.settings.config import load_config, toml_value
from selfrec.settings.help import option_of
from selfrec.settings.tables import Config
from selfrec.settings.validation import validated

if TYPE_CHECKING:
    _ParamType: TypeAlias = click.ParamType[Any, Any]
else:  # Before click 8.4 it takes no types.
    _ParamType = click.ParamType

source_argument = click.argument("source", metavar="SOURCE")
model_argument = click.argument("model", metavar="MODEL", type=click.Path())


def settings_options(
    model: type[Settings],
    into: str,
    *,
    without: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    stored: bool = False,
) -> Callable[[Function], Function]:
    """Give a command an option for every field of a settings class.

    The function gets those the user set as one dict in the argument `into`; names renames an option (k="-k").
    stored: what is not given is as the model was fitted, so no default is shown.
    """
    fields = {name: field for name, field in model.model_fields.items() if name not in without}
    flags = {name: "--" + name.replace("_", "-") for name in fields} | dict(names or {})

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def collected(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(f"{into}_{name}") for name in fields}
            kwargs[into] = {name: value for name, value in given.items() if value is not None}
            validated(model, kwargs[into], flags=flags)
            return function(*args, **kwargs)

        options = (_option(name, flags[name], f"{into}_{name}", field, stored) for name, field in fields.items())
        return with_options(collected, *options)

    return decorate


def wait_option(what: str) -> Callable[[Function], Function]:
    """--wait SECONDS, 0 or more, for what it says."""

    def number(_context: click.Context, _option: click.Parameter, value: float) -> float:
        if math.isnan(value):  # Which is beyond no bound.
            raise click.BadParameter("nan is no number of seconds")
        return value

    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        callback=number,
        help=f"Wait so long {what}.",
    )


@dataclass(frozen=True)
class ConfigOptions:
    """Where a configuration comes from, as it was typed."""

    path: str | None
    preset: str | None
    overrides: tuple[str, ...]
    seed: int | None

    def load(self, source: Mapping[str, Any], *more: str) -> Config:
        """The configuration. source: options of its table [source]. more: overrides that come after those of -o.

        Raises SettingsError.
        """
        overrides = (*self.overrides, *more)
        return load_config(self.path, preset=self.preset, overrides=overrides, seed=self.seed, source=source)


def config_options(function: Function) -> Function:
    """--config, --preset, -o and --seed; the function gets them as `configuration`, ConfigOptions."""

    @functools.wraps(function)
    def collected(
        *args: Any,
        config_path: str | None,
        preset: str | None,
        overrides: tuple[str, ...],
        seed: int | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, configuration=ConfigOptions(config_path, preset, overrides, seed), **kwargs)

    return with_options(
        collected,
        click.option("--config", "config_path", metavar="F", type=click.Path(), help="A TOML file; see `init`."),
        click.option("--preset", metavar="P", help="default, full, fast or classic."),
        click.option(
            "-o", "overrides", metavar="NAME=VALUE", multiple=True, help="Set one option: generator.gan.epochs=20."
        ),
        click.option("--seed", type=int, metavar="N", help="One seed gives the same model."),
    )


class SideTables(TypedDict):
    """--items and the options of `side_options`, as they were typed: the fields of SidePlaces."""

    items: str | None
    user_features: str | None
    item_features: str | None


def side_options(function: Function) -> Function:
    """--user-features and --item-features: tables of columns that the parts may learn from."""
    return with_options(function, _side_option("user"), _side_option("item"))


user_features_option = click.option(
    "--user-features",
    metavar="FILE|TABLE",
    help="Where the user columns stand that the model reads; `none`: unknown. [default: as in the fit]",
)


length_option = click.option("-k", type=click.IntRange(min=1), metavar="N", help=f"How many items. [default: {LISTED}]")


def _side_option(side: str) -> Callable[[Function], Function]:
    return click.option(
        f"--{side}-features",
        metavar="FILE|TABLE",
        help=f"Columns of {side}s to learn from (numbers, text): a file or a table of the source, keyed like its "
        f"{side} column.",
    )


def _option(name: str, flag: str, argument: str, field: FieldInfo, stored: bool) -> Callable[[Function], Function]:
    shown = option_of(name, field)
    help_text = shown.description
    if not stored and shown.default not in ("unset", "required"):
        help_text += f" [default: {shown.default}]"
    kinds = members(field.annotation)
    if bool in kinds:
        either = field.default or stored or type(None) in kinds
        flags = f"{flag}/--no-{flag.removeprefix('--')}" if either else flag
        return click.option(flags, argument, is_flag=True, default=None, help=help_text)
    return click.option(flag, argument, type=_type(field), metavar=_metavar(name, field), help=help_text)


def _type(field: FieldInfo) -> _ParamType:
    kinds = [kind for kind in members(field.annotation) if kind is not type(None)]
    if kinds == [int]:
        return click.INT
    if kinds == [float]:
        return click.FLOAT
    if len(kinds) == 1 and get_origin(kinds[0]) is Literal:
        return click.Choice([str(value) for value in get_args(kinds[0])])
    return click.STRING if str in kinds or len(kinds) == 1 else _TOML


def _metavar(name: str, field: FieldInfo) -> str | None:
    kinds = members(field.annotation)
    if int in kinds or float in kinds:
        return "N"
    if any(get_origin(kind) is Literal for kind in kinds):
        return None
    return name.removesuffix("_column").upper() if not name.endswith("_column") else "COLUMN"


class _Toml(_ParamType):
    """A value that may be of more than one type."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return toml_value(value) if isinstance(value, str) else value


_TOML = _Toml()

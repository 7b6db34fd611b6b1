"""A commented selfrec.toml: every option with what it means, its default and its bounds, all of them commented out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from pydantic.fields import FieldInfo

from selfrec.settings.base import Settings
from selfrec.settings.help import IN_CODE, Option, option_of, options_of, toml
from selfrec.settings.presets import DEFAULT, PRESETS
from selfrec.settings.tables import Config
from selfrec.settings.validation import is_table

WIDTH = 100

_HEAD = (
    "selfrec.toml: uncomment what you want to change. The values shown are the defaults; the preset may set others. "
    '"none" unsets an option that can be unset.'
)

PartTable = tuple[str, str, type[Settings]]
"""The heading of a part's options ("generator.gan"), what the part is, and its options."""


def commented_config(preset: str = DEFAULT, parts: Iterable[PartTable] = ()) -> str:
    """The text of a selfrec.toml that changes nothing until a line of it is uncommented."""
    lines = [*_comment(_HEAD), "", *_comment(_summaries()), f"preset = {toml(preset)}"]
    tables: list[tuple[str, FieldInfo]] = []
    for name, field in Config.model_fields.items():
        if is_table(field.annotation) or name in ("events", "extractor", "generator", "ranker"):
            tables.append((name, field))
        elif name != "preset":
            lines += _option(option_of(name, field))
    for name, field in tables:
        if is_table(field.annotation):
            lines += ["", f"[{name}]", *_comment(field.annotation.__doc__ or ""), *_options(field.annotation)]
        elif name == "events":
            lines += ["", "[events]", *_comment(field.description or ""), "# view = 1", "# purchase = 5"]
    for heading, summary, options in parts:
        lines += ["", f"# [{heading}]", *_comment(summary), *_options(options)]
    return "\n".join(lines) + "\n"


def _summaries() -> str:
    return " ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())


def _options(model: type[Settings]) -> Iterator[str]:
    for option in options_of(model):
        yield from _option(option)


def _option(option: Option) -> list[str]:
    facts = ", ".join(fact for fact in (option.type, option.range) if fact)
    # TOML has no null: an option that is unset by default shows its name alone.
    value = "..." if option.default in ("unset", "required", IN_CODE) else option.default
    note = f" ({facts}; {option.default} by default)" if value == "..." else f" ({facts})"
    return ["", *_comment(option.description + note), f"# {option.name} = {value}"]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )

"""The error tree. Every failure a user can meet is one of these, one line long.

    SelfrecError                exit code 1
    ├── SourceError             the events cannot be opened, read or understood
    │   ├── ColumnError         a column is missing or has the wrong type
    │   └── EmptyDataError      a cleaning rule or a split left nothing
    ├── SettingsError           an option is unknown or has a wrong value (exit code 2)
    ├── PluginError             a plugin failed to load, to build, to train or to keep its contract
    ├── ExportError             the pipeline does not become the graph of the contract
    ├── ModelError              a model folder is incomplete, altered or foreign
    ├── TargetError             the result cannot be written
    └── MissingExtraError       a package of an optional extra is not installed

A message names the object, the value and the next step, so that it helps without the code at hand.
"""

from __future__ import annotations

import re

LONGEST = 300
"""Most characters of a name in a message."""

_NAME = re.compile(r"""(?<!\w)'[^']*'(?!\w)|(?<!\w)"[^"]*"(?!\w)|\S+""")
"""A quoted name, or a run of characters without a space."""


class SelfrecError(Exception):
    """Base of every error selfrec raises on purpose; its text is meant for the user."""

    exit_code = 1


class SourceError(SelfrecError):
    """The events cannot be opened, read or understood."""


class ColumnError(SourceError):
    """A column is missing or has a type selfrec cannot use."""


class EmptyDataError(SourceError):
    """A cleaning rule or a split left nothing to work on."""


class SettingsError(SelfrecError):
    """An option is unknown or has a wrong value."""

    exit_code = 2


class PluginError(SelfrecError):
    """A plugin failed to load, to build, to train or to keep its contract."""


class ExportError(SelfrecError):
    """The pipeline does not become the graph the contract promises."""


class ModelError(SelfrecError):
    """A model folder is incomplete, altered or foreign."""


class TargetError(SelfrecError):
    """The result cannot be written."""


class MissingExtraError(SelfrecError):
    """A package of an optional extra is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}: pip install 'selfrec[{extra}]'")


def one_line(error: BaseException) -> str:
    """The error's text as one line, for messages that quote a foreign exception."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def shortened(text: str) -> str:
    """The text with the middle cut out of every name in it that is longer than LONGEST.

    Then out of the text itself, where it is still too long: a name with spaces is not always quoted.
    """
    text = _NAME.sub(lambda found: _cut(found[0], LONGEST, 60, 20), text)
    return _cut(text, 8 * LONGEST, 3 * LONGEST, LONGEST)


def _cut(text: str, most: int, first: int, last: int) -> str:
    left_out = len(text) - first - last
    return text if len(text) <= most else f"{text[:first]}[... {left_out:,} characters ...]{text[-last:]}"

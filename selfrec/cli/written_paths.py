"""Paths that a command writes, checked as they were typed: once resolved, `-` is a name like others."""

from __future__ import annotations

import os
from typing import Any

import click

from selfrec.files import unwritable


class WrittenPath(click.Path):
    """A path to be written. Neither empty nor `-`, which elsewhere is standard output."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """The path as it was typed. Raises BadParameter."""
        wrong = unwritable(os.fspath(value))
        if wrong is not None:
            self.fail(wrong, param, ctx)
        return super().convert(value, param, ctx)

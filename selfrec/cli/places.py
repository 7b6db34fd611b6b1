"""Places on disk that a command writes, checked as they were typed: once resolved, `-` is a name like others."""

from __future__ import annotations

import os
from typing import Any

import click


class Place(click.Path):
    """A path to be written. Neither empty nor `-`, which elsewhere is standard output."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """The path as it was typed. Raises BadParameter."""
        text = os.fspath(value)
        if not text:
            self.fail("the path is empty; name a place on disk", param, ctx)
        if text == "-":
            self.fail(
                "'-': the result cannot go to standard output; name a place on disk (./- if it is a name)", param, ctx
            )
        return super().convert(value, param, ctx)

"""Configuration files that commands write: never over something else."""

from __future__ import annotations

import os
from pathlib import Path

from selfrec.errors import SettingsError, TargetError, one_line


def check_place(path: Path, *, force: bool) -> None:
    """See whether a configuration may be written there and can be; force: over another configuration.

    TargetError where it may not.
    """
    from selfrec.files import can_write
    from selfrec.model_folder.outside import check_outside

    check_outside(path)
    if path.exists():
        if not force:
            raise TargetError(f"{str(path)!r} exists; name another file or use --force")
        if not (path.is_file() and _is_toml(path)):
            raise TargetError(
                f"{str(path)!r} is no configuration, which is all that --force replaces; name another file"
            )
    try:
        can_write(_real(path))
    except OSError as error:
        raise _unwritable(path, error) from error


def write_config(path: Path, text: str) -> None:
    """Write it whole, or leave what was there. TargetError where that fails."""
    from selfrec.files import write_whole

    try:
        write_whole(_real(path), text.encode())
    except OSError as error:
        raise _unwritable(path, error) from error


def _is_toml(path: Path) -> bool:
    from selfrec.settings.config import read_toml

    try:
        read_toml(path)
    except SettingsError:
        return False
    return True


def _real(path: Path) -> Path:
    """Where a link leads: it shall stay one."""
    return Path(os.path.realpath(path))


def _unwritable(path: Path, error: OSError) -> TargetError:
    return TargetError(f"{str(path)!r} cannot be written ({one_line(error)}); name another file")

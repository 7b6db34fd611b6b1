"""An export says nothing on its way: where it fails, the error of selfrec says it in one line."""

from __future__ import annotations

import logging
import sys
import warnings

import pytest

from selfrec.export.quiet import quiet


def test_nothing_is_said(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Torch logs the traceback of an operation that fails on shapes as an error."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    with quiet() as said:
        print("out")
        print("err", file=sys.stderr)
        warnings.warn("old", stacklevel=1)
        log.warning("a warning")
        log.error("a traceback")
    assert said.getvalue() == "out\nerr\n"
    assert capsys.readouterr() == ("", "")
    assert caplog.messages == []
    log.error("heard again")
    assert caplog.messages == ["heard again"]

"""A real browser and the real runtime; without them the tests that need them say why they are skipped."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from selfrec.errors import TargetError
from selfrec.model_folder.reading import Model
from selfrec.web.folder import OtherGraph, write_page
from selfrec.web.runtime import Runtime, find_runtime
from selfrec.web.serving import server
from tests.web.shown import Shown

Show = Callable[..., Shown]


NPM = Path(__file__).parent
HOW = "npm install --prefix tests/web --ignore-scripts --no-package-lock"


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """onnxruntime-web as package.json beside this file names it."""
    try:
        return find_runtime(NPM)
    except TargetError:
        pytest.skip(f"no onnxruntime-web: {HOW}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the system, driven by playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        # Chromium's sandbox refuses to run as root, which containers are.
        browser = playwright.chromium.launch(executable_path=found, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


@contextmanager
def serving(running: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server answer meanwhile."""
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield
    finally:
        running.shutdown()
        thread.join()


@pytest.fixture
def show(chromium: Any, runtime: Runtime, tmp_path: Path) -> Iterator[Show]:
    """Write a model's page, serve it and open it; afterwards the console must be empty and every request local."""
    with ExitStack() as held:
        opened: list[Shown] = []

        def open_page(model: Model, *, other: OtherGraph | None = None, **context: Any) -> Shown:
            folder = tmp_path / "page"
            write_page(model, folder, runtime, other)
            running = held.enter_context(server(folder, 0))
            held.enter_context(serving(running))
            made = chromium.new_context(**{"viewport": {"width": 1100, "height": 900}} | context)
            held.callback(made.close)
            opened.append(Shown(made.new_page(), f"http://127.0.0.1:{running.server_port}/", model))
            return opened[-1]

        yield open_page
        for shown in opened:
            assert shown.complaints == []
            assert {url for url in shown.requests if not url.startswith(shown.address)} == set()

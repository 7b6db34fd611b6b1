"""Serve a page on this machine, to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
PORT = 8000


class _Handler(SimpleHTTPRequestHandler):
    """Files of one folder, with the types browsers ask for, whatever the system's table says."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".svg": "image/svg+xml",
    }

    def end_headers(self) -> None:
        # Browsers would keep a graph for a while, and dates in HTTP are whole seconds: after a new export a
        # kept graph would meet the new items.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of single requests."""


@contextmanager
def server(folder: Path, port: int = PORT) -> Iterator[ThreadingHTTPServer]:
    """A server of the folder for this machine alone; on any free port where `port` is taken.

    Its address is http://127.0.0.1:{server_port}/; it answers while `serve_forever` runs.
    """
    handler = partial(_Handler, directory=str(folder))
    try:
        made = ThreadingHTTPServer((HOST, port), handler)
    except OSError:
        made = ThreadingHTTPServer((HOST, 0), handler)
    with made:
        yield made

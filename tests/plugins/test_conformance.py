"""The conformance kit over every part that is registered."""

from __future__ import annotations

from typing import Any

from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind
from selfrec.testing import Bench, benches, parametrize_with_checks
from selfrec.testing.checks import Check

RECORDS = [record for info in PluginManager.load().listing() for record in info.parts]
QUICK: dict[tuple[Kind, str], dict[str, Any]] = {
    ("extractor", "autoencoder"): {"width": 16},
    ("generator", "autoencoder"): {"width": 16},
}


@parametrize_with_checks(benches(RECORDS, QUICK))
def test_a_part_keeps_its_promises(bench: Bench, check: Check) -> None:
    check(bench)

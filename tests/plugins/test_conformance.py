"""The conformance kit over every part that is registered."""

from __future__ import annotations

from selfrec.host.manager import PluginManager
from selfrec.testing import Bench, benches, parametrize_with_checks
from selfrec.testing.checks import Check

RECORDS = [record for info in PluginManager.load().listing() for record in info.parts]
QUICK = {
    ("extractor", "autoencoder"): {"width": 16},
    ("generator", "autoencoder"): {"width": 16},
}
BLIND = [record for record in RECORDS if record.name == "popularity"]


@parametrize_with_checks(benches([record for record in RECORDS if record not in BLIND], QUICK))
def test_a_part_keeps_its_promises(bench: Bench, check: Check) -> None:
    check(bench)


@parametrize_with_checks(
    benches(BLIND),
    expected_failures={"learns_the_checkerboard": "the same list for everyone cannot tell users apart"},
)
def test_popularity_keeps_its_promises(bench: Bench, check: Check) -> None:
    check(bench)

"""Any text as a cell of any kind: canonical values or a sentence, at once, and canonical of canonical is itself.

atheris makes the inputs and follows the branches they take, family by family, from the cells of the house vectors; the
process may use no more than MEMORY_MB. 8,000 cells a family on every submission, a million before a release.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from psi.identifiers import CATALOGUE
from tests.support.identifier_seeds import COLUMNS, KINDS, SEEDS, as_input
from tests.support.small_parent import through_a_shell
from tests.support.tree import ROOT

INPUTS = 8_000
SOAK_INPUTS = 1_000_000
MEMORY_MB = 768
MAX_BYTES = 300
SEED = 20_260_101

FAMILIES = {
    "contacts": ("phone", "email", "handle"),
    "names and places": ("alias", "address", "shared_case_ref"),
    "web": ("url", "domain", "advert"),
    "network and hashes": ("ip_window", "image_hash", "mac"),
    "documents": ("document", "national_id"),
    "money": ("iban", "card", "payment_ref", "wallet"),
    "vehicles and devices": ("plate", "vin", "imei", "imsi"),
    "employers": ("employer",),
}


def fuzz(folder: Path, kinds: tuple[str, ...], inputs: int, *options: str, only: str = "") -> tuple[int, str]:
    """Run the target on so many inputs, from the vectors' cells or from `only` one."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python or system")
    corpus = folder / "corpus"
    corpus.mkdir()
    for index, kind in enumerate(kinds):
        for number, text in enumerate([only] if only else SEEDS[kind]):
            seed = as_input(index, number % len(COLUMNS[kind]), text)[:MAX_BYTES]
            (corpus / f"{kind}-{number}").write_bytes(seed)
    limits = (f"-runs={inputs}", f"-seed={SEED}", f"-max_len={MAX_BYTES}", "-timeout=10", f"-rss_limit_mb={MEMORY_MB}")
    target = Path(__file__).with_name("identifier_target.py")
    command = [sys.executable, target, f"--kinds={','.join(kinds)}", *options, *limits, f"-artifact_prefix={folder}/"]
    done = subprocess.run(
        through_a_shell([*command, corpus]),
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr + done.stdout


def inputs_of(report: str) -> int:
    found = re.search(r"Done (\d+) runs", report)
    return int(found[1]) if found else 0


def test_every_kind_is_in_one_family() -> None:
    assert sorted(kind for kinds in FAMILIES.values() for kind in kinds) == sorted(KINDS)
    assert set(KINDS) == set(CATALOGUE) - {"person"}


@pytest.mark.parametrize("family", FAMILIES)
def test_any_cell_is_values_or_a_sentence(tmp_path: Path, family: str) -> None:
    code, report = fuzz(tmp_path, FAMILIES[family], INPUTS)
    assert code == 0, report[-3000:]
    assert inputs_of(report) >= INPUTS


def test_a_reader_that_lets_an_error_through_is_found(tmp_path: Path) -> None:
    """The sabotaged twin, from a good cell alone."""
    code, report = fuzz(tmp_path, ("ip_window",), INPUTS, "--twin", only="203.0.113.7 2026-03-05T14:20Z")
    assert code != 0
    assert "LookupError" in report


@pytest.mark.soak
@pytest.mark.timeout(4000)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_for_longer(tmp_path: Path, family: str) -> None:
    code, report = fuzz(tmp_path, FAMILIES[family], SOAK_INPUTS)
    assert code == 0, report[-3000:]
    assert inputs_of(report) >= SOAK_INPUTS

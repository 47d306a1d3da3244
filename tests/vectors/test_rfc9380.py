"""RFC 9380 appendix K.3: expand_message_xmd with SHA-512, on ours and on the slow twin."""

import json
from pathlib import Path

import pytest

from psi._reference import expand_message_xmd
from psi.hash_to_group import expand_message

FIGURES = json.loads((Path(__file__).parent / "rfc9380.json").read_text())
CASES = FIGURES["cases"]


def test_all_figures_of_the_appendix_are_here():
    assert len(CASES) == 10
    assert {case["length"] for case in CASES} == {32, 128}


@pytest.mark.parametrize("expand", [expand_message, expand_message_xmd])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['message'])}-to-{case['length']}")
def test_expand_message(expand, case):
    assert expand(case["message"].encode(), FIGURES["dst"].encode(), case["length"]).hex() == case["expanded"]

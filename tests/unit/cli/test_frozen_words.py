"""What a person reads of a frozen member: what happened, that it is no proof, and what to do."""

from typing import Any

import pytest

from cli._output import Printer
from cli.member import _list, _shown
from node.tripwires import Decoy, Hit
from node.tripwires.words import WHAT_NOW, frozen_sentence, hit_sentence

HIT = Hit(
    (Decoy("phone", "phone", "+40721123456"), Decoy("phone", "phone", "+40706985118", free=True)),
    {"email": 32, "phone": 32},
)


def reply(**changes: Any) -> dict[str, Any]:
    card = {
        "member_id": "a" * 32, "name": "Police", "member_class": "police", "country": "DE", "languages": ["de"],
        "contact": "The office", "endpoint": "127.0.0.1:1", "issued_at": "2026-01-01T00:00:00Z",
        "expires_at": "2027-01-01T00:00:00Z",
    }  # fmt: skip
    freeze = {
        "round_id": "4f1c2d3e" * 4, "frozen_at": "2026-05-06T07:08:09Z", "stands": True, "met": {"phone": 2},
        "laid": {"email": 32, "phone": 32}, "free": 1, "sentence": hit_sentence("Police", HIT), "lifted_by": None,
        "lifted_second": None, "lifted_at": None,
    }  # fmt: skip
    member = {
        "alias": "police", "state": "confirmed", "reach": "direct", "card": card, "added_by": "ada",
        "confirmed_by": "ben", "children": False, "frozen": True,
    }  # fmt: skip
    note = f"{frozen_sentence('Police', 'police')} {WHAT_NOW}"
    return {"member": member, "freezes": [freeze], "note": note, "waiting": "", "number": None} | changes


def said(capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    _shown(Printer(), reply(**changes))
    return " ".join(capsys.readouterr().out.split())


def test_a_frozen_member_is_explained_as_a_reason_to_ask_and_not_as_proof(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys)
    assert "confirmed, FROZEN" in text
    assert "Police asked about 2 of the 64 decoys in the list of this node (phone: 2; 1 of them" in text
    assert "no operator has given out" in text
    assert "Nothing was answered, and no leads were stored" in text
    assert "a reason to stop and ask, not proof" in text
    assert "blindmatch member unfreeze police --by NAME" in text
    assert "+407" not in text


def test_whoever_waits_for_a_second_person_reads_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, waiting="ada", number=7)
    assert "ada asked to go on" in text
    assert "blindmatch approval approve 7 --by NAME" in text
    assert "member unfreeze police --by" not in text


def test_what_is_over_is_told_with_both_people(capsys: pytest.CaptureFixture[str]) -> None:
    freeze = reply()["freezes"][0] | {
        "stands": False, "lifted_by": "ada", "lifted_second": "ben", "lifted_at": "2026-05-07T07:08:09Z",
    }  # fmt: skip
    text = said(capsys, freezes=[freeze], note="")
    assert "ada and ben decided it" in text
    assert "unfreeze" not in text


def test_the_list_of_members_shows_who_is_frozen(capsys: pytest.CaptureFixture[str]) -> None:
    _list(Printer(), {"members": [reply()["member"]]})
    assert "FROZEN" in capsys.readouterr().out


def test_a_side_that_had_answered_says_so() -> None:
    late = Hit(HIT.met, HIT.laid, b"", answered=True)
    assert "had answered their list before it could see that" in hit_sentence("Police", late)
    assert "had answered" not in hit_sentence("Police", HIT)

"""`blindmatch verify FILE`: whatever the bytes are, there is a verdict, and never that it holds.

The certificate that is damaged here is a real one; a file that differs from it in any way is another file.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.verify import check_file
from node.audit import certificate
from node.audit.certificate import verify_certificate
from node.audit.verdicts import certificate_page
from node.wire.strict_json import canonical
from tests.support.certified import Stage, resigned

CERTIFICATE = Stage().make()
SMALL = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.tm("TM-222")
@SMALL
@given(data=st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_verdict(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for front in (b"", b'{"format":"blindmatch-audit/1"', b'{"checkpoint":'):
        file.write_bytes(front + data)
        reply = check_file(file, {}, "en")
        assert not reply["ok"]
        assert reply["problems"]
        assert reply["page"]["sections"]


@pytest.mark.tm("TM-222")
@SMALL
@given(st.data())
def test_any_value_at_any_place_of_a_certificate_gives_a_verdict(data: st.DataObject) -> None:
    """The owner signs whatever stands there, so that the deeper checks are reached."""
    document = json.loads(CERTIFICATE)
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(JSON)
    report = verify_certificate(resigned(document))
    for language in ("en", "de"):
        page = certificate_page(report, language)  # type: ignore[arg-type]
        assert page.title


@pytest.mark.tm("TM-222")
@SMALL
@given(at=st.integers(0, len(CERTIFICATE) - 1), byte=st.integers(0, 255))
def test_one_other_byte_is_found(at: int, byte: int) -> None:
    changed = bytearray(CERTIFICATE)
    changed[at] = byte
    assert verify_certificate(bytes(changed)).ok is (bytes(changed) == CERTIFICATE)


@pytest.mark.tm("TM-222")
def test_without_its_checks_another_byte_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: only the form is read. The first check alone, the owner's signature, finds it."""
    at = CERTIFICATE.index(b"2026-03-02T10:00:00Z") + 3
    changed = CERTIFICATE[:at] + b"5" + CERTIFICATE[at + 1 :]
    checks = certificate.CHECKS
    monkeypatch.setattr(certificate, "CHECKS", ())
    assert verify_certificate(changed).ok
    monkeypatch.setattr(certificate, "CHECKS", checks[:1])
    assert verify_certificate(changed).problems == ["not-signed"]


# No twin: what is cut off is no JSON, and the parser is the standard library's. The same goes for any bytes, above.
@pytest.mark.tm("TM-222")
@SMALL
@given(length=st.integers(0, len(CERTIFICATE) - 1))
def test_a_cut_file_is_found(length: int) -> None:
    assert not verify_certificate(CERTIFICATE[:length]).ok


def test_there_is_one_way_to_write_a_certificate() -> None:
    document = json.loads(CERTIFICATE)
    assert canonical(document) == CERTIFICATE
    assert not verify_certificate(json.dumps(document).encode()).ok
    assert not verify_certificate(json.dumps(document, indent=1).encode()).ok

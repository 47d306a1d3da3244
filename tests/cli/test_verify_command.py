"""`blindmatch verify` on a machine with no node, and the commands that make what it checks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from cli._exit import Exit
from cli.main import main
from node.app import create_node
from node.identity.cards import Profile
from node.impact.names import FACTS_FILE
from node.wire.strict_json import canonical
from tests.support.certified import Stage
from tests.support.tree import ROOT

PROFILE = {
    "name": "Țărm House",
    "member_class": "ngo",
    "country": "RO",
    "languages": ["ro"],
    "contact": "Duty desk",
    "endpoint": "none",
}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new node's folder, named by the environment."""
    folder = tmp_path / "node"
    create_node(folder, Profile.of(PROFILE), None, listen="127.0.0.1:0")
    monkeypatch.setenv("BLINDMATCH_STATE", str(folder))
    return folder


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "certificate.json"
    file.write_bytes(Stage().make())
    return file


def test_a_certificate_is_explained_in_both_languages(
    certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(certificate)]) == Exit.OK
    said = " ".join(capsys.readouterr().out.split())
    assert "Holds, and another member vouches for it" in said
    for heading in ("What it says", "What is proven", "What is not proven", "What the log says of this round"):
        assert heading in said
    assert "A lead is a reason to look, not a proof" in said
    pdf = tmp_path / "certificate.pdf"
    assert main(["verify", str(certificate), "--lang", "de", "--pdf", str(pdf)]) == Exit.OK
    text = " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(pdf).pages).split())
    assert "Hält stand, und ein anderes Mitglied bürgt dafür" in text
    assert "Was nicht bewiesen ist" in text
    assert main(["verify", str(certificate), "--pdf", str(pdf)]) == Exit.USER  # goes over no file


def test_an_altered_certificate_fails_with_its_reason(certificate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(certificate.read_bytes())
    document["statement"]["handle"] = "f" * 16
    certificate.write_bytes(canonical(document))
    assert main(["verify", str(certificate), "--lang", "de"]) == Exit.NOT_VERIFIED
    assert "HÄLT NICHT STAND" in capsys.readouterr().out
    assert main(["verify", str(certificate), "--json"]) == Exit.NOT_VERIFIED
    reply = json.loads(capsys.readouterr().out)
    assert reply["problems"] == ["not-signed", "other-statement"]


def test_a_card_shows_whose_key_it_is(
    certificate: Path, node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = tmp_path / "card.json"
    assert main(["card", "export", str(card)]) == Exit.OK
    capsys.readouterr()
    assert main(["verify", str(certificate), "--card", str(card), "--json"]) == Exit.NOT_VERIFIED
    assert json.loads(capsys.readouterr().out)["problems"] == ["other-card"]
    log = tmp_path / "log.jsonl"
    assert main(["audit", "export", str(log), "--by", "dora"]) == Exit.OK
    capsys.readouterr()
    assert main(["verify", str(log), "--card", str(card)]) == Exit.OK
    assert "Whose keys these are" not in capsys.readouterr().out
    assert main(["verify", str(certificate), "--card", str(certificate)]) == Exit.USER


def test_the_log_is_shown_exported_and_checked(node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "--lang", "de", "--event", "node-created", "--reader", "dora"]) == Exit.OK
    assert "Dieser Knoten wurde angelegt" in " ".join(capsys.readouterr().out.split())
    assert main(["audit", "show", "--facts"]) == Exit.OK
    assert "node-created" in capsys.readouterr().out
    log, pdf = tmp_path / "log.jsonl", tmp_path / "log.pdf"
    assert main(["audit", "export", str(log), "--by", "dora", "--pdf", str(pdf), "--lang", "de"]) == Exit.OK
    text = " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(pdf).pages).split())
    assert "Dieser Knoten wurde angelegt" in text
    assert "durch dora" in text
    assert os.stat(log).st_mode & 0o077 == 0
    capsys.readouterr()
    assert main(["verify", str(log)]) == Exit.OK
    assert "nobody else has signed it" in capsys.readouterr().out
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    assert main(["verify", str(log)]) == Exit.NOT_VERIFIED
    assert "DOES NOT HOLD" in capsys.readouterr().out


def test_a_reference_is_asked_for_and_not_said_back(
    node: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Typed:
        buffer = __import__("io").BytesIO(b"S-4711\n")

        @staticmethod
        def isatty() -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Typed())
    assert main(["report", "person", "--record", "-", "--by", "dora"]) == Exit.OK
    said = capsys.readouterr().out
    assert "This node holds nothing under this number." in said
    assert "S-4711" not in said
    assert main(["report", "period", "--from", "2000-01-01", "--to", "2999-01-01", "--by", "dora"]) == Exit.OK
    assert "Nobody learned anything" in capsys.readouterr().out


def test_papers_that_are_out_of_date_have_an_exit_code(
    node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    papers = tmp_path / "dpia"
    assert main(["report", "dpia", str(papers), "--by", "dora"]) == Exit.OK
    compare = ["report", "dpia", "--compare", str(papers), "--by", "dora"]
    assert main(compare) == Exit.OK
    assert "has changed" in capsys.readouterr().out
    facts = papers / FACTS_FILE
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"decoys": 8}))
    assert main(compare) == Exit.NOT_VERIFIED
    assert "decoys: was 8, is 32" in capsys.readouterr().out


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7\n\x00\xff", b"Dear colleagues,\n", b'{"format":"blindmatch-card/1"}\n']
)
def test_of_another_file_it_says_what_is_checked_and_what_to_do(
    tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    assert main(["verify", str(file)]) == Exit.NOT_VERIFIED
    said = " ".join(capsys.readouterr().out.split())
    assert "neither a certificate nor a log" in said
    for words in ("audit certificate`", "audit export`", "audit share`", "ask who made it", "member add`"):
        assert words in said
    assert main(["verify", str(file), "--lang", "de"]) == Exit.NOT_VERIFIED
    said = " ".join(capsys.readouterr().out.split())
    assert "weder eine Bescheinigung noch ein Protokoll" in said
    assert "Was zu tun ist" in said


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"{}", b'{"format":"blindmatch-audit/1"}\n'])
def test_what_is_neither_is_refused(tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    assert main(["verify", str(file)]) == Exit.NOT_VERIFIED
    assert main(["verify", str(tmp_path / "none")]) == Exit.USER
    assert main(["verify", str(tmp_path)]) == Exit.USER
    assert "Traceback" not in capsys.readouterr().err


ALONE = """
import sys
from cli.main import main
code = main(["verify", sys.argv[1]])
print(sorted(name for name in ("grpc", "node.app", "node.operations", "node.rounds") if name in sys.modules))
sys.exit(code)
"""


@pytest.mark.tm("TM-222")
def test_it_needs_no_node_no_folder_and_no_network(certificate: Path, tmp_path: Path) -> None:
    """In an account without a home, with nothing of a node loaded, and nothing written."""
    empty = tmp_path / "empty"
    empty.mkdir()
    home = tmp_path / "no-home"
    environment: dict[str, Any] = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-B", "-c", ALONE, str(certificate)]
    done = subprocess.run(words, cwd=empty, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(empty.iterdir()) == []
    assert not home.exists()

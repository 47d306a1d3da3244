"""The papers of a release: the bill of materials is the lock, every licence is known and accepted, and a known weakness
stops it unless somebody wrote down why not, and until when."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from tests.support.release_tools import tool
from tests.support.tree import ROOT

advisories, licences, locked, sbom = tool("advisories"), tool("licences"), tool("locked"), tool("sbom")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MIN_PACKAGES = 50
"""So that a lock that no longer parses is found."""
DAY = datetime(2026, 1, 31, tzinfo=UTC)

pytestmark = pytest.mark.tm("TM-267")


@pytest.fixture(scope="module")
def found() -> list[Any]:
    return list(licences.find(locked.read(LOCK), licences.installed(), licences.policy()))


@pytest.fixture(scope="module")
def bill(found: list[Any]) -> str:
    return str(sbom.make(found, sbom.sodium_pins(), "9.8.7", DAY))


# The bill of materials


def test_the_bill_is_the_lock(bill: str, found: list[Any], record_property: Callable[[str, object], None]) -> None:
    assert sbom.problems(bill, LOCK) == []
    components = json.loads(bill)["components"]
    entries = LOCK.count("\n    # via")
    assert len(components) == len(found) == entries >= MIN_PACKAGES
    hashes = {entry["content"] for one in components for entry in one["externalReferences"][0]["hashes"]}
    assert len(hashes) == LOCK.count("--hash=sha256:")
    record_property("ran", f"{len(components)} components, {len(hashes)} hashes")


def test_the_same_lock_gives_the_same_bytes(found: list[Any], bill: str) -> None:
    assert sbom.make(list(reversed(found)), sbom.sodium_pins(), "9.8.7", DAY) == bill
    assert sbom.make(found, sbom.sodium_pins(), "9.8.8", DAY) != bill
    assert sbom.make(found[1:], sbom.sodium_pins(), "9.8.7", DAY) != bill


def test_libsodium_stands_inside_the_package_that_carries_it(bill: str) -> None:
    inside = {one["name"]: one["components"] for one in json.loads(bill)["components"] if "components" in one}
    ((name, (sodium,)),) = inside.items()
    assert (name, sodium["name"], sodium["version"]) == ("rbcl", "libsodium", "1.0.18")
    assert sorted(entry["content"] for entry in sodium["hashes"]) == sbom.sodium_pins()


SMALL = "".join(
    f"{name}==1.0{marker} \\\n    --hash=sha256:{digit * 64} \\\n    --hash=sha256:{digit * 63}f\n    # via{via}\n"
    for name, marker, digit, via in (
        ("alpha", "", "1", " blindmatch (pyproject.toml)"),
        ("beta", " ; sys_platform == 'win32'", "2", " alpha"),
        ("delta", "", "3", "\n    #   alpha\n    #   blindmatch (pyproject.toml)"),
        ("gamma", "", "4", " delta"),
    )
)
"""A lock as uv writes it."""


@pytest.fixture(scope="module")
def small() -> str:
    parts = [licences.Found(one, "MIT", "its metadata") for one in locked.read(SMALL)]
    text = str(sbom.make(parts, [], "9.8.7", DAY))
    assert sbom.problems(text, SMALL) == []
    return text


def test_the_bill_says_who_asks_for_what_and_for_which_system(small: str) -> None:
    bill = json.loads(small)
    below = {one["ref"].split("/")[-1]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert below == {
        "blindmatch": ["pkg:pypi/alpha@1.0", "pkg:pypi/delta@1.0"],
        "alpha@1.0": ["pkg:pypi/beta@1.0", "pkg:pypi/delta@1.0"],
        "beta@1.0": [],
        "delta@1.0": ["pkg:pypi/gamma@1.0"],
        "gamma@1.0": [],
    }
    marked = {one["name"]: one["properties"] for one in bill["components"] if "properties" in one}
    assert marked == {"beta": [{"name": sbom.MARKER, "value": "sys_platform == 'win32'"}]}


def without(bill: dict[str, Any]) -> None:
    del bill["components"][1]


def foreign(bill: dict[str, Any]) -> None:
    bill["components"].append(bill["components"][0] | {"name": "left-pad", "bom-ref": "left-pad"})


def twice(bill: dict[str, Any]) -> None:
    bill["components"].append(bill["components"][0] | {"bom-ref": "again"})


def other_version(bill: dict[str, Any]) -> None:
    bill["components"][3]["version"] += ".1"


def other_hash(bill: dict[str, Any]) -> None:
    bill["components"][3]["externalReferences"][0]["hashes"][0]["content"] = "0" * 64


def hash_left_out(bill: dict[str, Any]) -> None:
    del bill["components"][3]["externalReferences"][0]["hashes"][0]


def asked_by_nobody(bill: dict[str, Any]) -> None:
    ref = bill["components"][3]["bom-ref"]
    for one in bill["dependencies"]:
        one["dependsOn"] = [each for each in one.get("dependsOn", []) if each != ref]


def no_licence_of_spdx(bill: dict[str, Any]) -> None:
    bill["components"][3]["licenses"] = [{"license": {"id": "As-You-Like-It"}}]


def unknown_word(bill: dict[str, Any]) -> None:
    bill["components"][3]["colour"] = "blue"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without, "is in the lock and not in the bill"),
        (foreign, "left-pad .* is in the bill and not in the lock"),
        (twice, "stands twice"),
        (other_version, "in the bill and not in the lock"),
        (other_hash, "has other hashes"),
        (hash_left_out, "has other hashes"),
        (asked_by_nobody, "nobody asks for"),
        (no_licence_of_spdx, "not CycloneDX"),
        (unknown_word, "not CycloneDX"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bill_that_is_not_the_lock_is_found(small: str, change: Callable[[dict[str, Any]], None], says: str) -> None:
    changed = json.loads(small)
    change(changed)
    wrong = "\n".join(sbom.problems(json.dumps(changed), SMALL))
    assert re.search(says, wrong), wrong


@pytest.mark.parametrize("line", ["grpcio==1.80.0", "grpcio>=1 --hash=sha256:" + "0" * 64, "grpcio==1 --hash=md5:00"])
def test_a_lock_with_a_loose_line_gives_no_bill(line: str) -> None:
    with pytest.raises(ValueError, match="hashes: grpcio"):
        locked.read(f"{LOCK}\n{line}\n")


# Licences


def test_every_licence_is_known_and_accepted_and_the_report_says_so(found: list[Any]) -> None:
    assert [(one.package.name, one.package.version) for one in found] == [
        (one.name, one.version) for one in locked.read(LOCK)
    ]
    assert licences.REPORT.read_text(encoding="utf-8") == licences.report(found, licences.policy()), "run make licences"


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("MIT OR AGPL-3.0-only", True),
        ("(MIT AND BSD-3-Clause) OR GPL-3.0-only", True),
        ("MIT AND AGPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT-ish", False),
        ("MIT AND", False),
        ("", False),
    ],
)
def test_an_expression_is_taken_as_it_is_meant(expression: str, fits: bool) -> None:
    assert licences.accepted(expression, ["MIT", "BSD-3-Clause"]) is fits


def package(folder: Path, *lines: str) -> dict[tuple[str, str], Distribution]:
    """An installed package with these lines in its metadata."""
    place = folder / "thing-1.0.dist-info"
    place.mkdir()
    about = "\n".join(["Metadata-Version: 2.4", "Name: thing", "Version: 1.0", *lines])
    (place / "METADATA").write_text(about + "\n", encoding="utf-8")
    here: dict[tuple[str, str], Distribution] = licences.installed(folder)
    assert list(here) == [("thing", "1.0")]
    return here


THING = locked.Locked("thing", "1.0", "", ("0" * 64,), frozenset({"blindmatch"}))
SHORT = {"accepted": ["MIT"], "spelled": {"MIT License": "MIT", "MIT": "MIT"}, "reviewed": [], "holds": {}}
CLASS = "Classifier: License :: OSI Approved :: "


@pytest.mark.parametrize("line", ["License-Expression: MIT", CLASS + "MIT License", "License: MIT"])
def test_a_licence_is_read_from_each_of_its_places(tmp_path: Path, line: str) -> None:
    (one,) = licences.find([THING], package(tmp_path, line), SHORT)
    assert one.licence == "MIT"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "not known"),
        (["License: BSD"], "not known"),
        (["License: " + "MIT " * 100], "not known"),
        ([CLASS + "BSD License"], "not known"),
        ([CLASS + "MIT License", CLASS + "GNU Affero General Public License v3"], "not known"),
        (["License-Expression: AGPL-3.0-only", "License: MIT"], "under AGPL-3.0-only, which is not accepted"),
        (["License-Expression: MIT AND AGPL-3.0-only"], "not accepted"),
    ],
)
def test_an_unknown_or_unwanted_licence_is_refused(tmp_path: Path, lines: list[str], says: str) -> None:
    with pytest.raises(licences.Refused, match=says):
        licences.find([THING], package(tmp_path, *lines), SHORT)


def reviewed(version: str = "1.0", licence: str = "MIT") -> dict[str, Any]:
    return SHORT | {"reviewed": [{"package": "thing", "version": version, "licence": licence, "seen": "its file"}]}


def test_what_a_person_read_counts_for_that_version_only(tmp_path: Path) -> None:
    here = package(tmp_path, "License: BSD")
    assert licences.find([THING], here, reviewed())[0].licence == "MIT"
    assert licences.find([THING], {}, reviewed())[0].licence == "MIT"
    with pytest.raises(licences.Refused, match="not known"):
        licences.find([THING], here, reviewed(version="0.9"))


def test_what_a_person_read_does_not_overrule_the_package_or_the_list(tmp_path: Path) -> None:
    with pytest.raises(licences.Refused, match=r"says GPL-3\.0-only, but was reviewed as MIT"):
        licences.find([THING], package(tmp_path, "License-Expression: GPL-3.0-only"), reviewed())
    with pytest.raises(licences.Refused, match="not accepted"):
        licences.find([THING], {}, reviewed(licence="AGPL-3.0-only"))
    with pytest.raises(licences.Refused, match=r"thing 1\.0 is reviewed, but not in the lock"):
        licences.find([], {}, reviewed())


# Known weaknesses

SINCE = date(2026, 1, 1)
ENTRY = {
    "id": "GHSA-2222-3333-4444",
    "package": "thing",
    "version": "1.0",
    "reason": "It needs a file of the attacker's, and we open only our own ones.",
    "since": SINCE,
    "until": date(2026, 3, 1),
}


def test_the_exceptions_in_the_repository_have_their_form() -> None:
    """Whether one has ended is for `make advisories` to say: a test that fails on a day says nothing of the change."""
    entries = advisories.exceptions()
    latest = min((entry["until"] for entry in entries), default=SINCE)
    assert advisories.problems_of_file(entries, locked.read(LOCK), latest) == []


def test_a_good_exception_holds_until_its_day_and_not_a_day_longer() -> None:
    assert advisories.problems_of_file([ENTRY], [THING], date(2026, 3, 1)) == []
    (said,) = advisories.problems_of_file([ENTRY], [THING], date(2026, 3, 2))
    assert "ended on 2026-03-01" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "a bug"}, "has an id"),
        ({"reason": None}, "has an id"),
        ({"why": "x"}, "has an id"),
        ({"reason": "not for us"}, "say why"),
        ({"version": "1.1"}, "is not in the lock"),
        ({"package": "other"}, "is not in the lock"),
        ({"until": "2026-03-01"}, "are days"),
        ({"until": SINCE + timedelta(days=181)}, "180 days at most"),
    ],
)
def test_a_bad_exception_is_found(change: dict[str, Any], says: str) -> None:
    entry = {name: value for name, value in (ENTRY | change).items() if value is not None}
    (said,) = advisories.problems_of_file([entry], [THING], SINCE)
    assert says in said


KNOWN = ("thing", "1.0", {"PYSEC-2026-1", "GHSA-2222-3333-4444"})


@pytest.mark.parametrize(
    ("known", "entries", "says"),
    [
        ([], [], []),
        ([KNOWN], [ENTRY], []),
        ([KNOWN], [], ["thing 1.0: GHSA-2222-3333-4444, PYSEC-2026-1."]),
        ([("thing", "1.1", KNOWN[2])], [ENTRY], ["thing 1.1: ", "no longer reported"]),
        ([("thing", "1.0", {"CVE-2026-10000"})], [ENTRY], ["thing 1.0: CVE-2026-10000", "no longer reported"]),
        ([], [ENTRY], ["GHSA-2222-3333-4444 is no longer reported"]),
    ],
)
def test_the_verdict(known: list[Any], entries: list[Any], says: list[str]) -> None:
    said = advisories.verdict(known, entries)
    assert len(said) == len(says)
    assert all(start in line for start, line in zip(says, said, strict=True))


STUB = """#!/bin/sh
# In place of Python with pip-audit: notes what it was asked, answers from a file or complains.
for last; do :; done
cat "$last" >> "{folder}/asked"; echo >> "{folder}/asked"
if [ -f "{folder}/complaint" ]; then cat "{folder}/complaint" >&2; exit 1; fi
sed -E 's/^(.*)==(.*)$/{{"name":"\\1","version":"\\2","vulns":[]}}/' "$last" | paste -sd, > "{folder}/rows"
if [ -f "{folder}/answer" ]; then cat "{folder}/answer"; else echo "{{\\"dependencies\\":[$(cat "{folder}/rows")]}}"; fi
"""


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(STUB.format(folder=tmp_path), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_every_version_in_the_lock_is_asked_about(stub: Path) -> None:
    packages = locked.read(LOCK)
    assert advisories.ask(packages, str(stub)) == []
    asked = [line for line in (stub.parent / "asked").read_text().splitlines() if line]
    assert sorted(asked) == sorted(f"{one.name}=={one.version}" for one in packages)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "did not answer"),
        ("no network", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"dependencies": []}', "no answer about thing"),
        ('{"dependencies": [{"name": "thing", "skip_reason": "not found"}]}', "no answer about thing"),
        ('{"dependencies": [{"name": "thing", "version": "1.0", "vulns": [{}]}]}', "cannot be read"),
    ],
)
def test_no_answer_is_not_taken_for_a_good_one(stub: Path, answer: str, says: str) -> None:
    (stub.parent / "answer").write_text(answer)
    with pytest.raises(advisories.Unasked, match=says):
        advisories.ask([THING], str(stub))


def test_a_known_weakness_is_read_with_all_its_names(stub: Path) -> None:
    weakness = {"id": "PYSEC-2026-1", "aliases": ["GHSA-2222-3333-4444"], "fix_versions": [], "description": ""}
    answer = {"dependencies": [{"name": "thing", "version": "1.0", "vulns": [weakness]}], "fixes": []}
    (stub.parent / "answer").write_text(json.dumps(answer))
    assert advisories.ask([THING], str(stub)) == [KNOWN]


def test_a_complaint_is_passed_on(stub: Path) -> None:
    (stub.parent / "complaint").write_text("ERROR: the service cannot be reached\n")
    with pytest.raises(advisories.Unasked, match="the service cannot be reached"):
        advisories.ask([THING], str(stub))
    with pytest.raises(advisories.Unasked, match="did not answer"):
        advisories.ask([THING], str(stub.parent / "nothing"))

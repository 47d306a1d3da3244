"""The bill of materials: what blindmatch comes with, as CycloneDX 1.6, made from the lock and held against it.

    sbom.py FILE    write it (make sbom), then read it back and check it

One component for each version of each package of requirements.lock, and no other: the lock is the only list of what is
installed. Its hashes are those of the lock, so that whoever has a file of a package can find it here. What stands for
one Python or system only says so in a property. libsodium stands inside rbcl, whose wheel carries it, with the hashes
that psi/_libsodium.py demands.

Nothing in it is random and nothing is the time of day: the same lock, version and day give the same bytes.
"""

import json
import sys
import tomllib
import uuid
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import licences
import locked
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from licences import Found
from packageurl import PackageURL

__all__ = ["MARKER", "make", "problems"]

ROOT = Path(__file__).resolve().parent.parent
MARKER = "blindmatch:for"
"""The property with the marker of the lock: for which Python or system."""
LICENCE = "Apache-2.0"
SODIUM = ("rbcl", "libsodium", "1.0.18", "ISC")
NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, "sbom.blindmatch.invalid")


def _hashes(digests: Iterable[str]) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests]


def _component(found: Found, inside: list[Component]) -> Component:
    package = found.package
    purl = PackageURL("pypi", name=package.name, version=package.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="the files that may be installed, by hash",
        hashes=_hashes(package.hashes),
    )
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        licenses=[LicenseExpression(found.licence)],
        external_references=[files],
        properties=[Property(name=MARKER, value=package.marker)] if package.marker else [],
        components=inside,
    )


def _sodium(digests: Iterable[str]) -> Component:
    _, name, version, licence = SODIUM
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pkg:generic/{name}@{version}",
        purl=PackageURL("generic", name=name, version=version),
        licenses=[LicenseExpression(licence)],
        hashes=_hashes(digests),
    )


def make(found: Iterable[Found], sodium: Iterable[str], version: str, day: datetime) -> str:
    """The text of the bill for blindmatch `version`; `sodium` are the SHA-256 of the libsodium that we load."""
    root = Component(
        name=locked.PROJECT,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=locked.PROJECT,
        purl=PackageURL("pypi", name=locked.PROJECT, version=version),
        licenses=[LicenseExpression(LICENCE)],
    )
    found, bom = list(found), Bom(version=1, metadata=BomMetaData(component=root, timestamp=day))
    parts = {one.package: _component(one, [_sodium(sodium)] if one.package.name == SODIUM[0] else []) for one in found}
    bom.components.update(parts.values())
    bom.register_dependency(root, [part for package, part in parts.items() if locked.PROJECT in package.via])
    for owner, component in parts.items():
        bom.register_dependency(component, [part for package, part in parts.items() if owner.name in package.via])
    said = sorted(f"{one.package.name} {one.package.version} {one.package.hashes}" for one in found)
    bom.serial_number = uuid.uuid5(NAMES, "\n".join([version, day.isoformat(), *said]))
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    return json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@cache
def _schema() -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.V1_6)


def problems(text: str, lock: str) -> list[str]:
    """What is wrong with a bill for this lock; empty if nothing. It is read anew, without the code that made it."""
    if error := _schema().validate_str(text):
        return [f"not CycloneDX 1.6: {str(error).splitlines()[0]}"]
    bill: dict[str, Any] = json.loads(text)
    wanted = {(one.name, one.version): set(one.hashes) for one in locked.read(lock)}
    listed = [(one["name"], one["version"]) for one in bill["components"]]
    held = {
        (one["name"], one["version"]): {
            entry["content"]
            for reference in one["externalReferences"]
            for entry in reference["hashes"]
            if entry["alg"] == "SHA-256"
        }
        for one in bill["components"]
    }
    out = [f"{name} {version} stands twice" for name, version in set(listed) if listed.count((name, version)) > 1]
    out += [f"{name} {version} is in the lock and not in the bill" for name, version in wanted.keys() - held.keys()]
    out += [f"{name} {version} is in the bill and not in the lock" for name, version in held.keys() - wanted.keys()]
    out += [f"{key[0]} {key[1]} has other hashes" for key in wanted.keys() & held.keys() if wanted[key] != held[key]]
    below = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    reached, todo = set[str](), [bill["metadata"]["component"]["bom-ref"]]
    while todo:
        if (ref := todo.pop()) not in reached:
            reached.add(ref)
            todo += below.get(ref, [])
    out += [f"nobody asks for {one['name']}" for one in bill["components"] if one["bom-ref"] not in reached]
    return sorted(out)


def sodium_pins() -> list[str]:
    sys.path.insert(0, str(ROOT))
    from psi._libsodium import PINNED

    return sorted({digest for digests in PINNED.values() for digest in digests})


def main() -> None:
    target = Path(sys.argv[1])
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        found = licences.find(locked.read(lock), licences.installed(), licences.policy())
    except licences.Refused as refused:
        sys.exit(f"sbom: see deploy/release/licences.toml.\n{refused}")
    text = make(found, sodium_pins(), version, locked.day(lock))
    if wrong := problems(text, lock):
        sys.exit("sbom: " + "\n".join(wrong))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(f"{target}: {len(found)} components, as in requirements.lock")


if __name__ == "__main__":
    main()

"""SHA256SUMS of a release: the list, its signature, and what whoever installs runs against both.

The list is the one that `sha256sum` writes and checks. The signature is OpenSSH's (ssh-keygen -Y, PROTOCOL.sshsig): it
needs no other program, holds for one purpose only (NAMESPACE), and a key may lie in a hardware token or an agent. Who
may sign stands in deploy/release/allowed_signers; the private key stands nowhere in this project.
"""

import hashlib
import re
import subprocess
from pathlib import Path

__all__ = ["NAMESPACE", "SIGNER", "Unsigned", "check", "digest", "listing", "sign", "verify", "write"]

NAMESPACE = "blindmatch-release"
SIGNER = "release@blindmatch.invalid"
"""The name in front of each key in allowed_signers: what the key is for, no address."""
SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
LINE = re.compile(r"([0-9a-f]{64})  ([\w.+\-]+)")
MAX_SECONDS = 300
"""For a person to type a passphrase or touch a token."""


class Unsigned(Exception):
    """Why this is not what a maintainer signed, or cannot be signed, as a sentence."""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def listing(folder: Path) -> str:
    """The text of SHA256SUMS for the files in `folder`."""
    files = sorted(path for path in folder.iterdir() if path.name not in {SUMS, SIGNATURE})
    return "".join(f"{digest(path.read_bytes())}  {path.name}\n" for path in files)


def write(folder: Path) -> Path:
    path = folder / SUMS
    path.write_text(listing(folder), encoding="utf-8")
    return path


def check(folder: Path) -> None:
    """Unsigned unless the list names exactly the files in `folder`, with their bytes."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    if not lines or not all(found):
        raise Unsigned("SHA256SUMS is damaged.")
    said = {each[2]: each[1] for each in found if each}
    for line in listing(folder).splitlines():
        digest, _, name = line.partition("  ")
        if name not in said:
            raise Unsigned(f"{name} is not in SHA256SUMS.")
        if said.pop(name) != digest:
            raise Unsigned(f"{name} is not the file that SHA256SUMS names.")
    if said:
        raise Unsigned(f"{min(said)} is missing.")


def sign(folder: Path, key: Path, root: Path) -> Path:
    """SHA256SUMS.sig, made with the private key in `key` (or its public half, if an agent has the other)."""
    if key.resolve().is_relative_to(root.resolve()):
        raise Unsigned("The signing key lies inside the checkout. Keep it elsewhere, best on a token.")
    (folder / SIGNATURE).unlink(missing_ok=True)
    command = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(folder / SUMS)]
    if (said := _run(command, None)) is not None:
        raise Unsigned(f"ssh-keygen did not sign: {said}")
    return folder / SIGNATURE


def verify(folder: Path, signers: Path) -> None:
    """Unsigned unless a key in `signers` signed the list, and the files are those in it."""
    command = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", SIGNER, "-n", NAMESPACE]
    command += ["-s", str(folder / SIGNATURE)]
    if (said := _run(command, folder / SUMS)) is not None:
        raise Unsigned(f"SHA256SUMS is not signed by anybody in {signers.name}: {said}")
    check(folder)


def _run(command: list[str], given: Path | None) -> str | None:
    """None, or what ssh-keygen said against it."""
    try:
        text = given.read_bytes() if given else None
        done = subprocess.run(command, input=text, capture_output=True, timeout=MAX_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    return None if done.returncode == 0 else said or "it gave no reason"

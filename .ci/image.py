"""Build the container image, and see that it starts shut in. `make image` calls this.

    python3 .ci/image.py [WORDS ...]     more words for the build, for example --network=host or --volume=...

BASE and BUILDER of the environment replace the images that deploy/Containerfile names; IMAGE what the result is called;
ENGINE the program: podman, docker or buildah, the first that is there. A base without a digest is refused before
anything is fetched. buildah only builds: what it made is not tried.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
ENGINES = ("podman", "docker", "buildah")
BY_DIGEST = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
SHUT_IN = ("--rm", "--read-only", "--cap-drop=ALL", "--network=none", "--security-opt=no-new-privileges")


def bases(words: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The two images that it is built from. Ends the program for one that is not named by its digest."""
    written = dict(re.findall(r"^ARG (BASE|BUILDER)=(\S+)$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE))
    chosen = {name: words.get(name) or written[name] for name in ("BASE", "BUILDER")}
    for name, image in chosen.items():
        if not BY_DIGEST.fullmatch(image):
            sys.exit(f"image: {name} is not named by its digest. Write it as NAME@sha256:DIGEST.")
    return chosen


def engine(words: Mapping[str, str] = os.environ) -> str:
    """The program that builds."""
    for name in (words["ENGINE"],) if words.get("ENGINE") else ENGINES:
        if shutil.which(name):
            return name
    sys.exit("image: this needs podman, docker or buildah. Install one of them.")


def default_name() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"localhost/{project['name']}:{project['version']}"


def main() -> None:
    chosen, program, name = bases(), engine(), os.environ.get("IMAGE") or default_name()
    arguments = [f"--build-arg={key}={value}" for key, value in chosen.items()]
    if Path(program).name != "docker":  # which finds it by its name
        arguments.append(f"--ignorefile={CONTAINERFILE}.dockerignore")
    command = [program, "build", *arguments, f"--tag={name}", f"--file={CONTAINERFILE}", *sys.argv[1:], str(ROOT)]
    if subprocess.run(command, check=False).returncode:
        sys.exit("image: it was not built; the last lines above say why.")
    if (
        Path(program).name != "buildah"
        and subprocess.run([program, "run", *SHUT_IN, name, "--version"], check=False).returncode
    ):
        sys.exit("image: it was built, but does not start with a read-only root and without capabilities.")
    print(name)


if __name__ == "__main__":
    main()

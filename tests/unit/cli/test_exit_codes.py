"""Every error of node and psi has an exit code of its own choosing."""

import importlib
import pkgutil

import pytest

import node
import psi
from cli._exit import _BY_CODE, MEANINGS, Exit, exit_code
from node.errors import NodeError, NotFound
from node.rpc.control_client import RemoteError
from psi.errors import BadProof, PsiError


def kinds(base: type[Exception]) -> set[type[Exception]]:
    return {base} | {deeper for kind in base.__subclasses__() for deeper in kinds(kind)}


def test_no_error_is_without_an_exit_code() -> None:
    for package in (node, psi):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    ours = {kind for base in (NodeError, PsiError) for kind in kinds(base) if kind.__module__.split(".")[0] != "tests"}
    never_alone = {"node", "psi", "remote"}
    codes = {kind.code for kind in ours if kind.__module__.startswith(("node", "psi"))}  # type: ignore[attr-defined]
    assert codes - set(_BY_CODE) == never_alone


def test_a_remote_error_gives_the_same_code_as_a_local_one() -> None:
    assert exit_code(RemoteError("not-found", "x")) is exit_code(NotFound("x")) is Exit.NOT_FOUND
    assert exit_code(RemoteError("bad-proof", "x")) is exit_code(BadProof("x")) is Exit.NOT_VERIFIED


@pytest.mark.parametrize("code", ["internal", "something-of-a-newer-version"])
def test_what_is_not_known_is_a_defect(code: str) -> None:
    assert exit_code(RemoteError(code, "x")) is Exit.DEFECT


def test_each_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Exit)

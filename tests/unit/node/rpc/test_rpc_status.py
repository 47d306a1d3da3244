"""Errors on their way out: each class has its code, and a peer hears about its own conduct only."""

from typing import Any

import grpc
import pytest

import node.errors
import psi.errors
from node.rpc.access import ACCESS, Caller
from node.rpc.status import Audience, Unauthenticated, abort, code_of, problem_of
from node.transport.explain import explain
from node.wire.problem import METADATA_KEY, Problem
from node.wire.services import CONTROL, PEER, RELAY, method_names

SECRET = "dataset Winter2026 in /srv/ada"


def every(base: type[Exception]) -> list[type[Exception]]:
    return [base, *(found for each in base.__subclasses__() for found in every(each))]


@pytest.mark.tm("TM-65")
def test_every_call_there_is_has_a_policy_row_and_no_row_is_idle() -> None:
    assert {name for service in (PEER, CONTROL, RELAY) for name in method_names(service)} == set(ACCESS)
    assert {name for name, caller in ACCESS.items() if caller is Caller.OWNER} == set(method_names(CONTROL))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unauthenticated("x"), grpc.StatusCode.UNAUTHENTICATED),
        (node.errors.UserError("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (node.errors.NotFound("x"), grpc.StatusCode.NOT_FOUND),
        (node.errors.NotAllowed("x"), grpc.StatusCode.PERMISSION_DENIED),
        (node.errors.RefusedByPolicy("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (node.errors.Busy("x"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (node.errors.PeerUnreachable("x"), grpc.StatusCode.UNAVAILABLE),
        (node.errors.StateDamaged("x"), grpc.StatusCode.DATA_LOSS),
        (psi.errors.BadProof("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (psi.errors.VersionMismatch("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (psi.errors.WrongState("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (KeyError("x"), grpc.StatusCode.INTERNAL),
    ],
)
def test_the_code_of_an_error(error: Exception, code: grpc.StatusCode) -> None:
    assert code_of(error) is code


@pytest.mark.parametrize("base", [node.errors.NodeError, psi.errors.PsiError])
def test_no_error_of_ours_is_unforeseen(base: type[Any]) -> None:
    for kind in every(base):
        error = kind.__new__(kind)
        base.__init__(error, "A sentence.", advice="Advice.")
        assert code_of(error) is not grpc.StatusCode.INTERNAL, kind
        assert problem_of(error, Audience.OWNER, "test").sentence == "A sentence.", kind


@pytest.mark.tm("TM-68")
@pytest.mark.parametrize(
    "error",
    [
        node.errors.UserError(SECRET, advice=SECRET),
        node.errors.NotFound(SECRET, advice=SECRET),
        node.errors.RefusedByPolicy(SECRET, advice=SECRET),
        node.errors.Busy(SECRET, advice=SECRET),
        node.errors.StateDamaged(SECRET, advice=SECRET),
        node.errors.PeerUnreachable(SECRET, advice=SECRET),
        psi.errors.ListDoesNotFit(SECRET, advice=SECRET),
        KeyError(SECRET),
        OSError(5, SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_peer_is_not_told_about_our_side(error: Exception) -> None:
    problem = problem_of(error, Audience.PEER, "test")
    assert SECRET not in problem.sentence + problem.advice
    assert problem.sentence


def test_the_owner_is_not_shown_what_an_unforeseen_error_holds() -> None:
    problem = problem_of(ValueError(SECRET), Audience.OWNER, "test")
    assert problem.code == "internal"
    assert SECRET not in problem.sentence + problem.advice


@pytest.mark.tm("TM-68")
def test_the_log_says_where_and_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        problem_of(error, Audience.PEER, "deliver")
    said = "".join(capsys.readouterr())
    assert "test_rpc_status." in said
    assert "Winter2026" not in said


def test_a_peer_is_told_what_it_did_wrong() -> None:
    problem = problem_of(psi.errors.BadProof("The proof does not hold."), Audience.PEER, "test")
    assert (problem.code, problem.sentence) == ("bad-proof", "The proof does not hold.")


class Context:
    def __init__(self) -> None:
        self.metadata: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self.metadata = metadata

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise RuntimeError(code, details)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (node.errors.UserError(SECRET), grpc.StatusCode.INTERNAL),
        (node.errors.StateDamaged(SECRET), grpc.StatusCode.INTERNAL),
        (node.errors.Busy(SECRET), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (psi.errors.BadProof("x"), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_call_ends_with_code_and_problem_and_no_more(error: Exception, code: grpc.StatusCode) -> None:
    context = Context()
    with pytest.raises(RuntimeError) as caught:
        abort(context, error, "test")  # type: ignore[arg-type]
    assert caught.value.args[0] is code
    assert SECRET not in repr((caught.value.args, context.metadata))
    assert Problem.from_metadata(context.metadata) is not None
    assert context.metadata[0][0] == METADATA_KEY


def test_an_error_that_is_no_call_is_still_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named:
        alias = "beta"

        class card:  # noqa: N801
            endpoint = "h:1"

    found = explain(grpc.RpcError(), Named())  # type: ignore[arg-type]
    assert isinstance(found, node.errors.PeerUnreachable)

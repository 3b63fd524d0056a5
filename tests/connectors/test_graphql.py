"""GraphQL over HTTP: what counts as data, and what an error becomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.graphql import ask
from connectors.http import Api
from leerstroom.errors import CredentialsRefused, RateLimited, UnexpectedShape
from leerstroom.replay import Platform, running


@contextmanager
def site(tmp_path: Any, *answers: Any, **more: Any) -> Iterator[Api]:
    """An API that gives the answers one after the other, the last again and again."""
    waiting = list(answers)

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    (tmp_path / "site").mkdir()
    platforms = {"site": lambda *_: Platform([Route("/graphql", answer, methods=["POST"])])}
    with running(tmp_path, only=("site",), platforms=platforms) as server, Api(f"{server.url}/site", connection="here", tries=3, **more) as api:  # fmt: skip
        yield api


def is_refusal(message: str) -> bool:
    return message.startswith("No token of Jan Jansen")


def test_data_is_given(tmp_path: Any) -> None:
    with site(tmp_path, {"data": {"status": {"ok": True}}}) as api:
        assert ask(api, "graphql", "query { status { ok } }", is_refusal=is_refusal) == {"status": {"ok": True}}


def test_what_did_not_fail_is_given(tmp_path: Any) -> None:
    with site(tmp_path, {"data": {"a": {"id": 1}, "b": None}, "errors": [{"message": "b is gone", "path": ["b"]}]}) as api:  # fmt: skip
        assert ask(api, "graphql", "query { a { id } b { id } }", is_refusal=is_refusal) == {"a": {"id": 1}, "b": None}


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {"a": None}}])
def test_a_refusal_is_refused_credentials_and_its_message_is_not_repeated(tmp_path: Any, data: dict[str, Any]) -> None:
    error = {"message": "No token of Jan Jansen", "extensions": {"category": "require_login"}}
    with site(tmp_path, {**data, "errors": [error]}) as api, pytest.raises(CredentialsRefused, match=r"here.*require_login") as caught:  # fmt: skip
        ask(api, "graphql", "query { a { id } }", is_refusal=is_refusal)
    assert "Jansen" not in str(caught.value)


@pytest.mark.parametrize(
    "answer", [[], "text", {}, {"errors": "x"}, {"errors": [{"message": "Jan Jansen is gone", "extensions": {"category": "Jan Jansen"}}]}]
)  # fmt: skip
def test_no_data_is_an_unexpected_shape_and_no_message_is_repeated(tmp_path: Any, answer: Any) -> None:
    with site(tmp_path, answer) as api, pytest.raises(UnexpectedShape, match="here") as caught:
        ask(api, "graphql", "query { a { id } }", is_refusal=is_refusal)
    assert "Jansen" not in str(caught.value)


def test_too_many_requests_inside_an_answer_are_waited_out_as_a_429_is(tmp_path: Any) -> None:
    slow, good = {"errors": [{"message": "slow down"}]}, {"data": {"a": 1}}
    with site(tmp_path, slow, good, limited=lambda status, content: b"slow down" in content) as api:
        assert ask(api, "graphql", "query { a }", is_refusal=is_refusal) == {"a": 1}
        assert api.requests_made == 2


def test_too_many_requests_without_end_are_told(tmp_path: Any) -> None:
    slow = {"errors": [{"message": "slow down"}]}
    with site(tmp_path, slow, limited=lambda status, content: b"slow down" in content) as api, pytest.raises(RateLimited):  # fmt: skip
        ask(api, "graphql", "query { a }", is_refusal=is_refusal)

"""GraphQL over HTTP: what counts as data, and what an error becomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.graphql import ask, meant
from connectors.http import Api
from leerstroom.errors import CredentialsRefused, RateLimited, UnexpectedShape
from leerstroom.replay import Platform, running


@contextmanager
def site(tmp_path: Any, *answers: Any) -> Iterator[Api]:
    """An API that gives the answers one after the other, the last again and again."""
    waiting = list(answers)

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    (tmp_path / "site").mkdir()
    platforms = {"site": lambda *_: Platform([Route("/graphql", answer, methods=["POST"])])}
    with (
        running(tmp_path, only=("site",), platforms=platforms) as server,
        Api(
            f"{server.url}/site", connection="here", tries=3, meant=lambda status, body: meant(status, body, WORDS)
        ) as api,
    ):
        yield api


WORDS = {"slow down": 429, "no token": 401}


def test_data_is_given(tmp_path: Any) -> None:
    with site(tmp_path, {"data": {"status": {"ok": True}}}) as api:
        assert ask(api, "graphql", "query { status { ok } }") == {"status": {"ok": True}}


def test_what_did_not_fail_is_given(tmp_path: Any) -> None:
    answer = {"data": {"a": {"id": 1}, "b": None}, "errors": [{"message": "No token for b", "path": ["b"]}]}
    with site(tmp_path, answer) as api:
        assert ask(api, "graphql", "query { a { id } b { id } }") == {"a": {"id": 1}, "b": None}


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {"a": None}}])
def test_a_refusal_is_refused_credentials_and_its_message_is_not_repeated(tmp_path: Any, data: dict[str, Any]) -> None:
    error = {"message": "No token of Jan Jansen", "extensions": {"category": "require_login"}}
    with site(tmp_path, {**data, "errors": [error]}) as api, pytest.raises(CredentialsRefused, match="here") as caught:
        ask(api, "graphql", "query { a { id } }")
    assert "Jansen" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        "text",
        {},
        {"data": {}},
        {"errors": "x"},
        {"errors": ["x"]},
        {"errors": [{"message": "Jan Jansen is gone", "extensions": {"category": "Jan Jansen"}}]},
    ],
)
def test_no_data_is_an_unexpected_shape_and_no_message_is_repeated(tmp_path: Any, answer: Any) -> None:
    with site(tmp_path, answer) as api, pytest.raises(UnexpectedShape, match="here") as caught:
        ask(api, "graphql", "query { a { id } }")
    assert "Jansen" not in str(caught.value)


def test_the_sort_of_an_error_is_told(tmp_path: Any) -> None:
    error = {"message": "Jan Jansen is gone", "extensions": {"category": "reportbuilder"}}
    with site(tmp_path, {"errors": [error]}) as api, pytest.raises(UnexpectedShape, match=r"\(reportbuilder\)"):
        ask(api, "graphql", "query { a { id } }")


def test_too_many_requests_inside_an_answer_are_waited_out_as_a_429_is(tmp_path: Any) -> None:
    with site(tmp_path, {"errors": [{"message": "Slow down"}]}, {"data": {"a": 1}}) as api:
        assert ask(api, "graphql", "query { a }") == {"a": 1}
        assert api.requests_made == 2


def test_too_many_requests_without_end_are_told(tmp_path: Any) -> None:
    with site(tmp_path, {"errors": [{"message": "Slow down"}]}) as api, pytest.raises(RateLimited):
        ask(api, "graphql", "query { a }")

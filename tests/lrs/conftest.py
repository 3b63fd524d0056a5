"""A real LRS in a process of its own, and a client that speaks to it."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from leerstroom.lrs import Running, running


class Client:
    """Requests to one LRS with the headers of xAPI."""

    def __init__(self, lrs: Running, version: str = "1.0.3") -> None:
        self.lrs = lrs
        self.session = requests.Session()
        self.session.auth = (lrs.key, lrs.secret)
        self.session.headers["X-Experience-API-Version"] = version

    def __call__(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, self.lrs.endpoint + path, timeout=30, **arguments)

    def store(self, *statements: dict) -> list[str]:
        answer = self("POST", "statements", json=list(statements))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def found(self, **query: Any) -> list[dict]:
        answer = self("GET", "statements", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["statements"]


@pytest.fixture(scope="module")
def lrs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(f"sqlite:///{tmp_path_factory.mktemp('lrs')}/lrs.sqlite") as started:
        yield started


@pytest.fixture(scope="module")
def client(lrs: Running) -> Client:
    return Client(lrs)


def made(**changes: Any) -> dict:
    """A valid statement by a person of its own, so that tests do not see each other's."""
    return {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Agent", "account": {"homePage": "https://o.example", "name": str(uuid.uuid4())}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/asked", "display": {"en": "asked", "nl": "vroeg"}},
        "object": {"objectType": "Activity", "id": f"https://c.example/m/{uuid.uuid4()}"},
        "timestamp": "2026-11-03T09:00:00.000Z",
        **changes,
    }


@pytest.fixture
def make():
    return made

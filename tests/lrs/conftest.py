"""Real servers on loopback, one per database kind, and a small client that says what it got."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import requests

from leerstroom.lrs import Limits, Running, running

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"


class Caller:
    """A session with one LRS and one version."""

    def __init__(self, lrs: Running, version: str = "1.0.3", *, key: str = "", secret: str = "") -> None:
        self.lrs = lrs
        self.session = requests.Session()
        self.session.auth = (key or lrs.key, secret or lrs.secret)
        self.session.headers["X-Experience-API-Version"] = version

    def __call__(self, method: str, path: str, expect: int | None = None, **arguments: Any) -> requests.Response:
        address = self.lrs.address + path if path.startswith("/") else self.lrs.endpoint + path
        answer = self.session.request(method, address, timeout=60, **arguments)
        assert expect is None or answer.status_code == expect, (answer.status_code, answer.text)
        return answer

    def store(self, *statements: dict[str, Any], expect: int = 200) -> requests.Response:
        return self("POST", "statements", expect, json=list(statements))

    def ids(self, **parameters: Any) -> list[str]:
        """Ids of all pages of a query, in the order of the answers."""
        found: list[str] = []
        answer = self(
            "GET", "statements", 200, params={name: _text(value) for name, value in parameters.items()}
        ).json()
        while True:
            found += [each["id"] for each in answer["statements"]]
            if not answer["more"]:
                return found
            answer = self("GET", answer["more"], 200).json()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def temporary_postgresql() -> Iterator[str]:
    """A database of its own on the local server; skips where there is none."""
    name = f"lrs_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.Error:
        pytest.skip("no PostgreSQL on 127.0.0.1:5432")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{POSTGRESQL}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def sqlite_lrs() -> Iterator[Running]:
    with running(
        key="tests", secret="a secret of the tests", limits=Limits(body=4_000_000, batch=2_000, page=500, read_s=2)
    ) as lrs:
        yield lrs


@pytest.fixture(scope="session")
def postgresql_lrs() -> Iterator[Running]:
    with temporary_postgresql() as url, running(url, key="tests", secret="a secret of the tests", workers=2) as lrs:
        yield lrs


@pytest.fixture(params=["sqlite", "postgresql"])
def lrs(request: pytest.FixtureRequest) -> Running:
    """The same test against both databases."""
    return request.getfixturevalue(f"{request.param}_lrs")


@pytest.fixture
def call(lrs: Running) -> Caller:
    return Caller(lrs)


@pytest.fixture
def fresh() -> Iterator[Caller]:
    """A store of its own, for tests that count everything."""
    with running(key="tests", secret="a secret of the tests") as lrs:
        yield Caller(lrs)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[str]:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/lrs.sqlite"
    else:
        with temporary_postgresql() as url:
            yield url


class Maker:
    """Statements about people and activities that no other test uses."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex

    def agent(self, name: str = "anna") -> dict[str, Any]:
        return {"objectType": "Agent", "account": {"homePage": "https://o.example", "name": f"{name}-{self.mark}"}}

    def activity(self, label: str = "course", /, **definition: Any) -> dict[str, Any]:
        made: dict[str, Any] = {"objectType": "Activity", "id": f"https://c.example/{self.mark}/{label}"}
        return made | ({"definition": definition} if definition else {})

    def verb(self, name: str = "did") -> str:
        return f"https://v.example/{self.mark}/{name}"

    def statement(self, **changes: Any) -> dict[str, Any]:
        made = {"id": str(uuid.uuid4()), "actor": self.agent(), "verb": {"id": self.verb()}, "object": self.activity()}
        return made | changes

    def voiding(self, target: str) -> dict[str, Any]:
        verb = {"id": "http://adlnet.gov/expapi/verbs/voided"}
        return self.statement(verb=verb, actor=self.agent("admin"), object={"objectType": "StatementRef", "id": target})


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture(scope="session")
def caller() -> type[Caller]:
    """The class itself, for other versions and credentials."""
    return Caller


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with temporary_postgresql() as url:
        yield url

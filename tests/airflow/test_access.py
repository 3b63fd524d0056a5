"""Who gets what from the plugin: nobody anything without logging in, and nobody more than Airflow lets them see of the Dags."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

SAID = "Gemeente Voorbeeldstad"
PATHS = (
    "/leerstroom/",
    "/leerstroom",
    "/leerstroom//",
    "/leerstroom/.",
    "/leerstroom/?again=chat",
    "/leerstroom/docs",
    "/leerstroom/redoc",
    "/leerstroom/openapi.json",
    "/leerstroom/quarantine/chat",
    "/leerstroom/%2e%2e/leerstroom/",
)
USERS = {"boss": "admin", "operator": "op", "user": "user", "reader": "viewer"}


pytestmark = pytest.mark.xdist_group("airflow-web")  # one application for all of them


@pytest.fixture(scope="module")
def web(airflow_home: Path) -> Iterator[Any]:
    """Airflow's own web application, the simple auth manager with its users and their passwords, the Dags, and our plugin."""
    from airflow.api_fastapi.app import create_app
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session
    from starlette.testclient import TestClient

    with create_session() as session:
        session.merge(DagBundleModel(name="leerstroom"))
    sync_bag_to_db(DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"]), "leerstroom", None)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{name}:{role}" for name, role in USERS.items())
        )
        passwords = airflow_home / "passwords-of-test.json"
        passwords.write_text(json.dumps({name: f"password of {name}" for name in USERS}))
        environment.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        with TestClient(create_app(apps="all"), base_url="http://127.0.0.1") as client:
            yield client


@pytest.fixture(autouse=True)
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "leerstroom.yaml"
    file.write_text(f"organisation: {{name: {SAID}}}\ndata: data\n")
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(file))


@pytest.fixture(autouse=True)
def no_cookies(web: Any) -> Iterator[None]:
    web.cookies.clear()
    yield
    web.cookies.clear()


def logged_in(web: Any, name: str) -> dict[str, str]:
    """The header of a user who gave name and password."""
    answer = web.post("/auth/token", json={"username": name, "password": f"password of {name}"})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def signed(**claims: Any) -> dict[str, str]:
    """The header of a token that is signed as Airflow signs, with claims of ours."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    good = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="boss", role="admin"))
    body = {**jwt.decode(good, options={"verify_signature": False}), **claims}
    secret = claims.pop("secret", os.environ["AIRFLOW__API_AUTH__JWT_SECRET"])
    body.pop("secret", None)
    return {"Authorization": f"Bearer {jwt.encode(body, secret, jwt.get_unverified_header(good)['alg'])}"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_the_anonymous_get_nothing(web: Any, path: str, method: str) -> None:
    answer = web.request(method, path, follow_redirects=False)
    shell = "<title>Airflow" in answer.text  # what the interface's own address answers: no data, and a way to log in
    assert answer.status_code in {307, 401, 404, 405} or shell, answer.text
    assert SAID not in answer.text
    if answer.status_code == 307:
        assert web.request(method, answer.headers["location"]).status_code in {401, 404, 405}


def test_every_route_of_the_plugin_asks_who_one_is(web: Any) -> None:
    from leerstroom_airflow import ledger_page

    routes = [(method, route.path) for route in ledger_page._app().routes for method in route.methods]
    assert len(routes) >= 2
    for method, path in routes:
        answer = web.request(method, "/leerstroom" + path.replace("{connection}", "chat"))
        assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize(
    "claims",
    [{"secret": "x" * 64}, {"exp": int(time.time()) - 600}, {"aud": "somebody-else"}],
    ids=["forged", "expired", "meant for another"],
)
def test_a_token_that_airflow_does_not_accept_opens_nothing(web: Any, claims: dict[str, Any]) -> None:
    assert SAID in web.get("/leerstroom/", headers=signed()).text, "the same token as Airflow makes it does"
    answer = web.get("/leerstroom/", headers=signed(**claims))
    assert answer.status_code in {401, 403}
    assert SAID not in answer.text


def test_a_wrong_password_gives_no_token(web: Any) -> None:
    assert web.post("/auth/token", json={"username": "boss", "password": "guess"}).status_code == 401


@pytest.mark.parametrize("role", [None, ""])
def test_a_user_without_a_role_is_refused(web: Any, role: str | None) -> None:
    for method, path in (("GET", "/leerstroom/"), ("POST", "/leerstroom/quarantine/chat")):
        answer = web.request(method, path, headers=signed(sub="stranger", role=role))
        assert answer.status_code == 403
        assert SAID not in answer.text


@pytest.mark.parametrize("name", USERS)
def test_who_may_see_runs_sees_the_page_and_who_may_trigger_tries_again(web: Any, name: str) -> None:
    mine = logged_in(web, name)
    assert SAID in web.get("/leerstroom/", headers=mine).text
    answer = web.post("/leerstroom/quarantine/chat", headers=mine, follow_redirects=False)
    assert answer.status_code == (403 if name == "reader" else 303)


def test_the_cookie_of_the_user_interface_counts_too(web: Any) -> None:
    token = logged_in(web, "reader")["Authorization"].removeprefix("Bearer ")
    assert SAID in web.get("/leerstroom/", headers={"Cookie": f"_token={token}"}).text
    assert web.get("/leerstroom/", headers={"Cookie": "_token=nonsense"}).status_code in {401, 403}


def test_another_team_gets_nothing(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Airflow keeps teams apart, the page is that of the team whose Dags these are."""
    from airflow.models.dag import DagModel, clear_team_name_cache
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.team import Team
    from airflow.utils.session import create_session

    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    with create_session() as session:
        bundle = session.get(DagBundleModel, "leerstroom")
        bundle.teams.append(session.merge(Team(name="learning")))
    clear_team_name_cache()
    assert DagModel.get_team_name("learning_nightly") == "learning"
    try:
        for method, path in (("GET", "/leerstroom/"), ("POST", "/leerstroom/quarantine/chat")):
            answer = web.request(method, path, headers=signed(sub="stranger", role="user", teams=["finance"]))
            assert answer.status_code == 403
            assert SAID not in answer.text
        assert SAID in web.get("/leerstroom/", headers=signed(sub="ours", role="viewer", teams=["learning"])).text
    finally:
        with create_session() as session:
            bundle = session.get(DagBundleModel, "leerstroom")
            bundle.teams.clear()
        clear_team_name_cache()

"""The way out, against a real server that misbehaves as platforms do."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.http import Api, RateLimit, RequestRefused, error_code, is_error, retry_after_s, shown_path
from connectors.source import BearerToken
from leerstroom.errors import CredentialsRefused, QuotaExhausted, RateLimited, UnexpectedShape, Unreachable


class Platform:
    """Answers from a list, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []
        self.app = Starlette(routes=[Route("/{rest:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def ok() -> Response:
    return JSONResponse({"fine": True})


def test_wrong_credentials_fail_at_once_and_name_connection_and_endpoint(serve) -> None:
    platform = Platform(JSONResponse({"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown token of anna@example.org"}, 401))
    with Api(serve(platform.app), connection="chat_hr") as api, pytest.raises(CredentialsRefused) as caught:
        api.get("/whoami")
    assert len(platform.asked) == 1
    assert "chat_hr" in str(caught.value)
    assert "/whoami" in str(caught.value)
    assert "M_UNKNOWN_TOKEN" in str(caught.value)
    assert "anna" not in str(caught.value)


def test_too_many_requests_waits_as_long_as_the_platform_says(serve) -> None:
    platform = Platform(
        JSONResponse({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 300}, 429, {"Retry-After": "0"}), ok()
    )
    started = time.monotonic()
    with Api(serve(platform.app), connection="c") as api:
        assert api.get("/x").body == {"fine": True}
    assert time.monotonic() - started >= 0.3


def test_a_limit_longer_than_our_patience_is_told_with_its_length(serve) -> None:
    platform = Platform(Response(status_code=429, headers={"Retry-After": "7200"}))
    with Api(serve(platform.app), connection="c") as api, pytest.raises(RateLimited) as caught:
        api.get("/x")
    assert caught.value.retry_after_s == 7200
    assert len(platform.asked) == 1


def test_a_limit_without_any_header_backs_off_and_tries_again(serve) -> None:
    platform = Platform(Response(status_code=429), Response(status_code=429), ok())
    with Api(serve(platform.app), connection="c") as api:
        assert api.get("/x").body == {"fine": True}
    assert len(platform.asked) == 3


def test_a_spent_daily_quota_defers_and_is_not_tried_again(serve) -> None:
    platform = Platform(JSONResponse({"code": 429, "message": "You have reached the maximum daily rate limit"}, 429))
    with (
        Api(
            serve(platform.app), connection="c", quota=lambda status, body: status == 429 and "daily" in body["message"]
        ) as api,
        pytest.raises(QuotaExhausted),
    ):
        api.get("/x")
    assert len(platform.asked) == 1


@pytest.mark.parametrize(
    "broken", [Response("<html>maintenance</html>", 503), Response('{"cut": [1, 2', 200), Response("<html>", 200)]
)
def test_a_broken_answer_is_tried_again(serve, broken: Response) -> None:
    platform = Platform(broken, ok())
    with Api(serve(platform.app), connection="c") as api:
        assert api.get("/x").body == {"fine": True}


def test_a_platform_that_stays_down_is_unreachable_after_all_tries(serve) -> None:
    platform = Platform(Response(status_code=502))
    with Api(serve(platform.app), connection="c", tries=3) as api, pytest.raises(Unreachable):
        api.get("/x")
    assert len(platform.asked) == 3


def test_no_server_at_all_is_unreachable_and_says_which_connection() -> None:
    with Api("http://127.0.0.1:9", connection="academy", tries=2) as api, pytest.raises(Unreachable, match="academy"):
        api.get("/x")


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/next",
        "http://{evil}/next",
        "//{evil}/next",
        " http://{evil}/next",
        "HTTP://{evil}/next",
        "https://{ours}/next",  # another scheme
        "ftp://{ours}/next",
        "file:///etc/passwd",
        "http://127.0.0.1/next",  # another port
        "http://{ours}@{evil}/next",
        "http://{evil}\\@{ours}/next",  # urllib sees our host in it, what sends sees the other
        "http://{evil}#@{ours}/next",
        "http://{evil}?@{ours}/next",
        "http://somebody:word@{ours}/next",
        "http://[::1]/next",
        "http://[::ffff:127.0.0.1]/next",
        "http://[::1",
        "//[::1",
        "http://{ours}x/next",
        "http:///next",
        "http://{ours}.evil.example/next",
        "http://{ours}\r\nHost: evil.example/next",
    ],
)
def test_a_paging_address_on_another_host_is_never_followed(serve, address: str) -> None:
    ours, evil = Platform(ok()), Platform(ok())
    base, other = serve(ours.app), serve(evil.app)
    written = address.format(ours=base.split("://")[1], evil=other.split("://")[1])
    with Api(base, connection="c", auth=BearerToken("a token")) as api, pytest.raises(UnexpectedShape, match="another"):
        api.get(written)
    assert ours.asked == []
    assert evil.asked == []


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("{base}/v2/next?page=2", "/v2/next"),
        ("//{host}/next", "/next"),
        ("/next?after=https://evil.example/", "/v2/next"),
        ("next:2", "/v2/next:2"),
        ("/\\evil.example/next", "/v2/%5Cevil.example/next"),
        ("@evil.example/next", "/v2/@evil.example/next"),
        ("///evil.example/next", "/evil.example/next"),
    ],
)
def test_a_paging_address_on_our_host_is_followed_in_each_of_its_forms(serve, address: str, path: str) -> None:
    platform = Platform(ok())
    base = serve(platform.app)
    with Api(f"{base}/v2", connection="c") as api:
        assert api.get(address.format(base=base, host=base.split("://")[1])).body == {"fine": True}
    assert [each.url.path for each in platform.asked] == [path]


def test_the_port_of_a_scheme_may_be_written_or_not() -> None:
    with Api("https://platform.example", connection="c") as api:
        assert api._address("https://PLATFORM.example:443/next") == "https://PLATFORM.example:443/next"


def test_a_redirect_to_another_host_is_not_followed(serve) -> None:
    evil = Platform(ok())
    other = serve(evil.app)
    ours = Platform(RedirectResponse(f"{other}/next", 307))
    with Api(serve(ours.app), connection="c", auth=BearerToken("a token")) as api, pytest.raises(UnexpectedShape):
        api.get("/x")
    assert evil.asked == []


def test_a_redirect_to_a_login_page_is_loud(serve) -> None:
    platform = Platform(RedirectResponse("https://login.example/"))
    with Api(serve(platform.app), connection="c") as api, pytest.raises(UnexpectedShape, match="redirects"):
        api.get("/x")


def test_a_refused_request_carries_status_and_code(serve) -> None:
    platform = Platform(JSONResponse({"code": 3001, "message": "Meeting does not exist: anna@example.org"}, 400))
    with Api(serve(platform.app), connection="c") as api, pytest.raises(RequestRefused) as caught:
        api.get("/x")
    assert (caught.value.status, caught.value.code) == (400, "3001")
    assert "anna" not in str(caught.value)


def test_what_may_be_missing_is_an_answer_without_a_body(serve) -> None:
    platform = Platform(JSONResponse({"code": 3001}, 404))
    with Api(serve(platform.app), connection="c") as api:
        assert api.get("/x", missing_ok=True).body is None


def test_the_base_address_may_have_a_path(serve) -> None:
    platform = Platform(ok())
    with Api(serve(platform.app) + "/zoom/v2/", connection="c") as api:
        api.get("/users")
    assert platform.asked[0].url.path == "/zoom/v2/users"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, None, None),
        ({"Retry-After": "5"}, {"retry_after_ms": 4268}, 5.0),
        ({"Retry-After": "4"}, {"retry_after_ms": 4268}, 4.268),
        ({}, {"retry-after": 1.5}, 1.5),
        ({"Retry-After": "Tue, 03 Nov 2026 09:01:00 GMT"}, None, 60.0),
        ({"Retry-After": "soon"}, {"retry_after": True}, None),
    ],
)
def test_retry_after_in_each_of_its_forms(headers: dict, body: dict | None, seconds: float | None) -> None:
    assert retry_after_s(headers, body, now=datetime(2026, 11, 3, 9, 0, tzinfo=UTC)) == seconds


def test_an_error_code_never_is_a_sentence_or_an_address() -> None:
    assert error_code({"error": "No user anna@example.org"}) == ""
    assert error_code({"error": "invalid_client"}) == "invalid_client"


def test_an_error_code_is_found_where_microsoft_and_google_put_it() -> None:
    assert error_code({"error": {"code": "Forbidden", "message": "No policy for anna@example.org"}}) == "Forbidden"
    google = {"error": {"code": 403, "message": "The caller may not.", "status": "PERMISSION_DENIED"}}
    assert error_code(google) == "PERMISSION_DENIED"
    assert error_code({"error": {"message": "No user anna@example.org"}}) == ""


@pytest.mark.parametrize(
    "body",
    [
        {"code": 3001, "message": "Meeting does not exist: 1234."},
        {"errorCode": "InvalidToken", "description": "Invalid token passed"},
        {"error": {"code": "Forbidden"}},
        {"message": "The request could not be understood", "errors": [], "trackingId": "t"},
        {"status": 401, "serviceErrorCode": 65600, "message": "Invalid access token"},
        {"detail": "You do not have permission"},
        {"errcode": "M_FORBIDDEN", "error": "Not in room"},
    ],
)
def test_an_answer_that_tells_of_an_error_is_known_by_its_shape(body: dict[str, object]) -> None:
    assert is_error(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "error",
        {"status": "ended", "id": "1"},
        {"message": "Hoi", "user": "U1"},
        {"id": 7, "type": "message"},
    ],
)
def test_what_was_asked_for_is_no_error(body: object) -> None:
    assert not is_error(body)


def test_a_platform_that_is_busy_and_says_how_long_is_waited_for(serve) -> None:
    platform = Platform(Response(status_code=503, headers={"Retry-After": "7200"}))
    with Api(serve(platform.app), connection="c") as api, pytest.raises(RateLimited) as caught:
        api.get("/x")
    assert caught.value.retry_after_s == 7200
    assert len(platform.asked) == 1


def test_a_rate_limit_spreads_requests_over_the_minute() -> None:
    now = [0.0]
    limit = RateLimit(120, clock=lambda: now[0])
    delays = [limit.delay_s() for _ in range(10)]
    assert delays == sorted(delays)
    assert delays[-1] == pytest.approx(4.5)
    now[0] = 100.0
    assert limit.delay_s() == 0.0


def test_a_message_shows_the_endpoint_but_no_id_in_it() -> None:
    assert shown_path("https://h.example/v2/report/users/anna@example.org/meetings") == "/v2/report/users/…/meetings"
    assert (
        shown_path("https://h.example/_matrix/client/v3/rooms/%21abc%3Ax/messages")
        == "/_matrix/client/v3/rooms/…/messages"
    )
    assert shown_path("https://h.example/webservice/rest/server.php") == "/webservice/rest/server.php"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, {"code": "RATE_LIMIT_HIT", "retry-after": 28.706807374954224}, 28.706807374954224),  # Zulip
        ({}, {"errors": ["Too many"], "extras": {"wait_seconds": 15, "time_left": "15 seconds"}}, 15),  # Discourse
        ({"X-RateLimit-Reset": "42"}, {}, 42),  # Mattermost
        ({"X-RateLimit-Reset": "1793700042000"}, {}, 42),  # Rocket.Chat
        ({"X-RateLimit-Reset": "1793700042"}, {}, 42),
        ({"X-Rate-Limit-Reset": "1793700042"}, {}, 42),  # X
        (
            {"X-Business-Use-Case-Usage": '{"1": [{"type": "pages", "estimated_time_to_regain_access": 2}]}'},
            {},
            120,
        ),  # Meta
        ({"X-RateLimit-Reset": "1793700042", "Retry-After": "7"}, {}, 7),
        ({"X-RateLimit-Reset": "soon"}, {"extras": "none"}, None),
    ],
)
def test_each_way_of_telling_how_long_to_wait_is_read(
    headers: dict[str, str], body: dict[str, object], seconds: float | None
) -> None:
    told = retry_after_s(headers, body, now=datetime.fromtimestamp(1793700000, UTC))
    assert told == (None if seconds is None else pytest.approx(seconds))


def test_an_error_inside_an_answer_200_is_sorted_by_what_it_means(serve) -> None:
    def meant(status: int, body: Any) -> int:
        return {"invalid_auth": 401, "internal_error": 503}.get(body.get("error"), status)

    platform = Platform(JSONResponse({"ok": False, "error": "internal_error"}), ok())
    with Api(serve(platform.app), connection="c", meant=meant) as api:
        assert api.get("/x").body == {"fine": True}
    platform = Platform(JSONResponse({"ok": False, "error": "invalid_auth"}))
    with (
        Api(serve(platform.app), connection="c", meant=meant) as api,
        pytest.raises(CredentialsRefused, match="invalid_auth"),
    ):
        api.get("/x")
    assert len(platform.asked) == 1

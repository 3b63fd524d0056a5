"""The statements resource: store (PUT, POST) and query (GET, HEAD), by xAPI 1.0.3 and 2.0.0."""

import base64
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from leerstroom.errors import InvalidStatement
from leerstroom.lrs.access import Credential
from leerstroom.lrs.formats import canonical, ids_only, preferred
from leerstroom.lrs.storage import Filter, Storage, stored_text
from leerstroom.lrs.terms import Role, agent_term
from leerstroom.statements.validation import validate

BATCH_LIMIT = 5_000
PAGE_LIMIT = 10_000
DEFAULT_PAGE = 100
STORED_HEADER = "X-Leerstroom-Stored"  # how many statements of a request were new

_SINGLE = {"statementId", "voidedStatementId", "format", "attachments"}
_QUERY = {
    "agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until", "limit", "format", "attachments",
    "ascending", "statementId", "voidedStatementId", "more",
}  # fmt: skip


class BadRequest(Exception):
    """The request breaks the specification; the text says how."""


def refusal(status: int, text: str) -> Response:
    """An error answer: one sentence, as JSON."""
    return Response(orjson.dumps({"error": text}), status, media_type="application/json")


def parsed(body: bytes) -> Any:
    """A JSON body. Raises BadRequest for what is none, has a key twice, or is nested too deep."""
    try:
        return orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BadRequest("the body is no JSON in UTF-8") from error


async def put(request: Request, storage: Storage, credential: Credential, version: str, home_page: str) -> Response:
    """PUT: one statement under the id of the query."""
    statement_id = request.query_params.get("statementId", "")
    unknown = set(request.query_params) - {"statementId"}
    if unknown:
        raise BadRequest(f"unknown parameter {min(unknown)[:60]}")
    try:
        uuid.UUID(statement_id)
    except ValueError as error:
        raise BadRequest("statementId is missing or no UUID") from error
    statement = parsed(await request.body())
    if not isinstance(statement, dict):
        raise BadRequest("the body must be one statement")
    if str(statement.setdefault("id", statement_id)).lower() != statement_id.lower():
        raise BadRequest("statementId differs from the statement's id")
    stored = await _store([statement], storage, credential, version, home_page)
    return Response(status_code=204, headers={STORED_HEADER: str(stored.new)})


async def post(request: Request, storage: Storage, credential: Credential, version: str, home_page: str) -> Response:
    """POST: one statement or a batch, stored whole or not at all; answers the ids in the order of the batch."""
    if request.query_params:
        raise BadRequest("POST takes no parameters")
    value = parsed(await request.body())
    statements = value if isinstance(value, list) else [value]
    if len(statements) > BATCH_LIMIT:
        return refusal(413, f"a batch holds at most {BATCH_LIMIT} statements")
    stored = await _store(statements, storage, credential, version, home_page)
    return Response(orjson.dumps(stored.ids), media_type="application/json", headers={STORED_HEADER: str(stored.new)})


async def _store(statements: list[Any], storage: Storage, credential: Credential, version: str, home_page: str) -> Any:
    import asyncio

    def checked() -> None:
        seen: set[str] = set()
        for number, statement in enumerate(statements):
            try:
                validate(statement, version)
            except InvalidStatement as error:
                raise BadRequest(f"statement {number}: {error}") from error
            if statement.get("attachments"):
                for attachment in statement["attachments"]:
                    if "fileUrl" not in attachment:
                        raise BadRequest(f"statement {number}: an attachment without fileUrl needs a multipart request")
            identity = statement.setdefault("id", str(uuid.uuid4()))
            if identity.lower() in seen:
                raise BadRequest(f"statement {number}: its id occurs twice in the batch")
            seen.add(identity.lower())

    await run_in_threadpool(checked)
    return await asyncio.wrap_future(storage.store(statements, credential.authority(home_page), version))


# --- query --------------------------------------------------------------------------------------------------------------------------


async def get(request: Request, storage: Storage, credential: Credential) -> Response:
    """GET and HEAD: one statement, or a result that matches the filters with a `more` that never expires."""
    given = dict(request.query_params)
    unknown = set(given) - _QUERY
    if unknown:
        raise BadRequest(f"unknown parameter {min(unknown)[:60]}")
    headers = {"X-Experience-API-Consistent-Through": stored_text(storage.consistent_through)}
    if "more" in given:
        given = _resume(given["more"])
    if "statementId" in given or "voidedStatementId" in given:
        return await _one(request, storage, given, headers)
    if not credential.may("statements/read"):
        raise BadRequest("statements/read/mine is answered by id only")
    query, style = _filter(given), _format(given)
    found = await run_in_threadpool(lambda: list(storage.find(query)))
    more = ""
    page = query.limit - 1
    if len(found) > page:
        found = found[:page]
        given["more_after"] = str(found[-1][0])
        token = base64.urlsafe_b64encode(orjson.dumps(given)).decode().rstrip("=")
        more = f"{request.scope.get('root_path', '')}/xapi/statements?more={token}"
    bodies: Iterable[bytes] = (body for _, body in found)
    if style != "exact":
        languages = preferred(request.headers.get("accept-language", ""))
        bodies = (orjson.dumps(_styled(orjson.loads(body), style, languages)) for body in bodies)
    if found:
        headers["Last-Modified"] = _http_date(max(seq for seq, _ in found))
    body = b'{"statements":[' + b",".join(bodies) + b'],"more":' + orjson.dumps(more) + b"}"
    return Response(body, media_type="application/json", headers=headers)


async def _one(request: Request, storage: Storage, given: dict[str, str], headers: dict[str, str]) -> Response:
    if "statementId" in given and "voidedStatementId" in given:
        raise BadRequest("statementId and voidedStatementId exclude each other")
    others = set(given) - _SINGLE
    if others:
        raise BadRequest(f"{min(others)} does not go with an id")
    style = _format(given)
    voided = "voidedStatementId" in given
    wanted = given["voidedStatementId" if voided else "statementId"]
    try:
        uuid.UUID(wanted)
    except ValueError as error:
        raise BadRequest("the id is no UUID") from error
    found = await run_in_threadpool(lambda: storage.one(wanted, voided=voided))
    if found is None:
        return Response(
            orjson.dumps({"error": "no such statement"}), 404, media_type="application/json", headers=headers
        )
    seq, body = found
    if style != "exact":
        body = orjson.dumps(_styled(orjson.loads(body), style, preferred(request.headers.get("accept-language", ""))))
    return Response(body, media_type="application/json", headers={**headers, "Last-Modified": _http_date(seq)})


def _filter(given: dict[str, str]) -> Filter:
    terms: list[tuple[str, tuple[Role, ...]]] = []
    related_agents, related_activities = _flag(given, "related_agents"), _flag(given, "related_activities")
    if "agent" in given:
        agent = parsed(given["agent"].encode())
        try:
            validate({"actor": agent, "verb": {"id": "https://w3id.org/x"}, "object": {"id": "https://w3id.org/x"}})
        except InvalidStatement as error:
            raise BadRequest(f"agent: {error}") from error
        term = agent_term(agent)
        if term is None:
            raise BadRequest("agent must be identified")
        terms.append((term, (Role.AGENT, Role.RELATED_AGENT) if related_agents else (Role.AGENT,)))
    if "registration" in given:
        try:
            uuid.UUID(given["registration"])
        except ValueError as error:
            raise BadRequest("registration is no UUID") from error
        terms.append((given["registration"].lower(), (Role.REGISTRATION,)))
    for name, role, related in (("activity", Role.ACTIVITY, related_activities), ("verb", Role.VERB, False)):
        if name in given:
            if ":" not in given[name]:
                raise BadRequest(f"{name} is no IRI")
            terms.append((given[name], (role, Role.RELATED_ACTIVITY) if related else (role,)))
    try:
        limit = int(given.get("limit", "0"))
    except ValueError as error:
        raise BadRequest("limit is no number") from error
    if limit < 0:
        raise BadRequest("limit is negative")
    _flag(given, "attachments")
    ascending = _flag(given, "ascending")
    after, until = _seq(given, "since"), _seq(given, "until")
    if "more_after" in given:
        place = int(given["more_after"])
        after, until = (place, until) if ascending else (after, place - 1)
    return Filter(tuple(terms), after, until, ascending, min(limit or DEFAULT_PAGE, PAGE_LIMIT) + 1)


def _flag(given: dict[str, str], name: str) -> bool:
    value = given.get(name, "false")
    if value not in {"true", "false"}:
        raise BadRequest(f"{name} must be true or false")
    return value == "true"


def _format(given: dict[str, str]) -> str:
    style = given.get("format", "exact")
    if style not in {"ids", "exact", "canonical"}:
        raise BadRequest("format must be ids, exact or canonical")
    return style


def _seq(given: dict[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        moment = datetime.fromisoformat(given[name].replace(" ", "+"))
    except ValueError as error:
        raise BadRequest(f"{name} is no time of ISO 8601") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def _resume(token: str) -> dict[str, str]:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise BadRequest("more is not one of ours") from error
    if (
        not isinstance(value, dict)
        or not set(value) <= _QUERY | {"more_after"}
        or not str(value.get("more_after", "")).isdigit()
    ):
        raise BadRequest("more is not one of ours")
    return {str(name): str(each) for name, each in value.items()}


def _styled(statement: dict[str, Any], style: str, languages: list[str]) -> dict[str, Any]:
    return ids_only(statement) if style == "ids" else canonical(statement, languages)


def _http_date(seq: int) -> str:
    from email.utils import formatdate

    return formatdate(seq / 1_000_000, usegmt=True)

"""Reading statements: filters, pages, `more` in every form, and the search for statements by their ids.

A page is cut into statements without parsing them (`msgspec.Raw`), so what an LRS holds comes out byte for byte.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import orjson

from connectors.lrs.transport import Reply, Transport
from leerstroom.errors import BadRecord, ConfigurationError, CursorRepeated, LeerstroomError, UnexpectedShape
from leerstroom.statements import parse_time, verbs
from leerstroom.statements.vocabulary import verb_aliases

logger = logging.getLogger(__name__)

CONSISTENT_THROUGH = "X-Experience-API-Consistent-Through"
_TICK = timedelta(milliseconds=1)  # `since` is exclusive, and LRSs keep milliseconds
_LOCATE_PAGE = 500


class _Page(msgspec.Struct):
    statements: list[msgspec.Raw]
    more: str | None = None


class Stamp(msgspec.Struct):
    """What of a statement is needed to find it again: its id, and when the LRS stored it."""

    id: str = ""
    stored: str = ""


_PAGE = msgspec.json.Decoder(_Page)
_STAMP = msgspec.json.Decoder(Stamp)


def stamp(raw: bytes) -> Stamp:
    """Id (lower case) and `stored` of a statement in JSON; empty where they are missing."""
    try:
        found = _STAMP.decode(raw)
    except msgspec.DecodeError:
        return Stamp()
    found.id = found.id.lower()
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """Statements as the LRS sent them, and up to which `stored` it promises to have told everything (None: no promise)."""

    statements: list[bytes]
    consistent_through: datetime | None = None
    attachments: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)  # sha2 -> (content type, content)
    is_last: bool = False
    clock: datetime | None = None  # what the LRS takes for now, in whole seconds


def moment(text: str) -> datetime | None:
    """A time of an LRS as aware UTC; None when it is none."""
    try:
        return parse_time(text, zone="UTC").astimezone(UTC)
    except (BadRecord, AttributeError):
        return None


def consistent_through(headers: Mapping[str, str]) -> datetime | None:
    """The promise in the header, None when the LRS makes none."""
    told = headers.get(CONSISTENT_THROUGH)
    return moment(told) if told else None


# --- filters --------------------------------------------------------------------------------------------------------------------


def parameters(
    *,
    agent: Any = None,
    verb: Any = None,
    activity: Any = None,
    since: datetime | date | str | None = None,
    until: datetime | date | str | None = None,
    registration: Any = None,
    limit: int | None = None,
    related_agents: bool = False,
    related_activities: bool = False,
    ascending: bool = False,
    format: str = "exact",  # noqa: A002 - xAPI's own word
    attachments: bool = False,
) -> dict[str, str]:
    """The query parameters of GET statements (xAPI 1.0.3 part three, 2.1.3).

    `agent` is a dictionary, a tincan object, JSON, `mailto:…` or `account|home page|name`; `verb` an IRI or a canonical name of
    schemas/vocabulary.yaml. Raises ConfigurationError for values that cannot be meant.
    """
    if format not in {"exact", "ids", "canonical"}:
        raise ConfigurationError(f"format '{format}' is none of exact, ids, canonical")
    if limit is not None and limit < 0:
        raise ConfigurationError("limit cannot be negative")
    made = {
        "agent": agent_json(agent) if agent else None,
        "verb": verb_iri(verb) if verb else None,
        "activity": getattr(activity, "id", activity),
        "since": _time(since),
        "until": _time(until),
        "registration": str(registration) if registration else None,
        "limit": str(limit) if limit is not None else None,
        "related_agents": "true" if related_agents else None,
        "related_activities": "true" if related_activities else None,
        "ascending": "true" if ascending else None,
        "format": format if format != "exact" else None,
        "attachments": "true" if attachments else None,
    }
    return {name: value for name, value in made.items() if value is not None}


def agent_json(agent: Any) -> str:
    """An agent in any form that `parameters` takes, as JSON."""
    if hasattr(agent, "to_json"):
        return str(agent.to_json())
    if isinstance(agent, Mapping):
        return orjson.dumps(dict(agent)).decode()
    text = str(agent).strip()
    if text.startswith("{"):
        return text
    kind, _, rest = text.partition("|")
    if kind == "account" and "|" in rest:
        home, _, name = rest.rpartition("|")
        return orjson.dumps({"account": {"homePage": home, "name": name}}).decode()
    if kind in {"mbox", "mbox_sha1sum", "openid"} and rest:
        return orjson.dumps({kind: f"mailto:{rest.removeprefix('mailto:')}" if kind == "mbox" else rest}).decode()
    if text.startswith("mailto:") or ("@" in text and "/" not in text):
        return orjson.dumps({"mbox": f"mailto:{text.removeprefix('mailto:')}"}).decode()
    raise ConfigurationError("agent is neither JSON, nor mailto:…, nor account|home page|name")


def verb_iri(verb: Any) -> str:
    """The IRI of a verb given as IRI, tincan object or canonical name."""
    text = str(getattr(verb, "iri", None) or getattr(verb, "id", None) or verb)
    if ":" in text:
        return text
    if text not in set(verb_aliases().values()):
        raise ConfigurationError(f"verb '{text}' is no IRI and not in schemas/vocabulary.yaml")
    return str(verbs[text].iri)


def _time(value: datetime | date | str | None) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = parse_time(value, zone="UTC") if len(value) > 10 else date.fromisoformat(value)
        except (BadRecord, ValueError) as error:
            raise ConfigurationError(f"time '{value}' is not in ISO 8601") from error
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise ConfigurationError("naive time: say in which zone it is")
    return exact_text(value)


def exact_text(value: datetime) -> str:
    """A moment with all its microseconds, as UTC.

    Whole milliseconds have three digits: there are LRSs that keep `stored` so and compare it as text (Learning Locker in memory).
    """
    value = value.astimezone(UTC)
    digits = f"{value.microsecond:06d}" if value.microsecond % 1000 else f"{value.microsecond // 1000:03d}"
    return f"{value:%Y-%m-%dT%H:%M:%S}.{digits}Z"


# --- pages ----------------------------------------------------------------------------------------------------------------------


class Reader:
    """Pages of statements out of one LRS."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def first(self, query: Mapping[str, str]) -> Page | None:
        """The first page alone, None when the LRS gives no statements (a write-only key, a sink)."""
        url = self._transport.address("statements", query)
        try:
            for _ in range(2):  # what was cut short on the way is asked for once more, what is no xAPI stays so
                reply = self._transport.send("GET", url, tries=4, raises_refusal=False)
                if not reply.is_fine:
                    return None
                if read := _read(reply):
                    return read[0]
        except LeerstroomError:
            pass
        return None

    def pages(self, query: Mapping[str, str]) -> Iterator[Page]:
        """All pages of a query. A short page is never taken for the last one; only an empty or missing `more` ends the list.

        A `more` that has expired (4xx) is replaced by a new query from the last statement seen, without giving any twice. Raises
        CursorRepeated when a list hands out the same `more` twice.
        """
        query = dict(query)
        url = self._transport.address("statements", query)
        asked: set[str] = set()
        recent: list[set[str]] = []
        last = ""
        skip: set[str] = set()
        while True:
            page, more = self._page(url, may_expire=bool(asked))
            if page is None:  # expired
                if not last:
                    raise UnexpectedShape(
                        f"{self._transport.where(url)}: `more` is refused and no statement says `stored`"
                    )
                logger.info("%s: `more` has expired; asking again from the last statement", self._transport.where(url))
                query["since" if query.get("ascending") == "true" else "until"] = _beside(last, query)
                skip = set().union(*recent)
                url, last = self._transport.address("statements", query), ""
                continue
            statements = page.statements
            if skip:
                statements = [raw for raw in statements if stamp(raw).id not in skip]
            if page.statements:
                last = stamp(page.statements[-1]).stored
                recent = [*recent[-1:], {stamp(raw).id for raw in page.statements}]
            yield Page(statements, page.consistent_through, page.attachments, not more, page.clock)
            if not more:
                return
            if more in asked:
                raise CursorRepeated(f"{self._transport.where(url)}: the LRS hands out the same `more` twice")
            asked.add(more)
            url = self._transport.address(more)

    def _page(self, url: str, *, may_expire: bool = False) -> tuple[Page | None, str]:
        found: list[tuple[Page, str]] = []

        def settles(reply: Reply) -> bool:
            read = _read(reply)
            found[:] = [read] if read else []
            return read is not None

        reply = self._transport.send("GET", url, settles=settles, tries_of_500=None)
        if reply.is_fine:
            return found[0]
        if may_expire and reply.status in {400, 404, 410}:
            return None, ""
        raise refused(self._transport, url, reply)

    # --- by id -------------------------------------------------------------------------------------------------------------------

    def found(self, statement_id: str) -> tuple[bytes | None, bool]:
        """(the statement of that id or None, whether it is voided)."""
        for name in ("statementId", "voidedStatementId"):
            url = self._transport.address("statements", {name: statement_id})
            reply = self._transport.send(
                "GET", url, settles=lambda reply: _single(reply) is not _BROKEN, tries_of_500=None
            )
            if reply.is_fine:
                raw = _single(reply)
                if isinstance(raw, bytes) and stamp(raw).id == statement_id.lower():
                    return raw, name == "voidedStatementId"
            elif reply.status not in {400, 404}:
                raise refused(self._transport, url, reply)
        return None, False

    def one(self, statement_id: str) -> bytes | None:
        """The statement of that id, voided or not; None when the LRS has none."""
        return self.found(statement_id)[0]

    def since(self, mark: str, *, most: int | None = None) -> Iterator[bytes]:
        """Statements stored after `mark` (any, when it is empty), oldest first, at most `most` pages."""
        query = {"ascending": "true", "limit": str(_LOCATE_PAGE)} | ({"since": mark} if mark else {})
        for number, page in enumerate(self.pages(query), 1):
            yield from page.statements
            if most is not None and number >= most:
                return

    def located(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The statements of these ids (lower case) that the LRS holds, voided ones too.

        Statements of one batch were stored together, so each one that is found leads to its neighbours: the pages around its `stored` are read
        as long as they help, and only strangers cost a request each.
        """
        wanted, found = dict.fromkeys(ids), {}
        while wanted:
            first = next(iter(wanted))
            del wanted[first]
            raw = self.one(first)
            if raw is None:
                continue
            found[first] = raw
            stored = moment(stamp(raw).stored)
            if stored is None or not wanted:
                continue
            query = {"since": exact_text(stored - _TICK), "ascending": "true", "limit": str(_LOCATE_PAGE)}
            for page in self.pages(query):
                met = 0
                for each in page.statements:
                    met_id = stamp(each).id
                    if met_id in wanted:
                        del wanted[met_id]
                        found[met_id] = each
                        met += 1
                if not met or not wanted:
                    break
        return found


def refused(transport: Transport, url: str, reply: Reply) -> LeerstroomError:
    """The error for an answer that gives no statements."""
    where = transport.where(url)
    if reply.status in {404, 405}:
        return UnexpectedShape(f"{where}: there is no statements resource ({reply.status}); check the endpoint")
    return UnexpectedShape(f"{where}: the LRS refuses the query ({reply.status}): {plain_reason(reply.content)}")


_SAID_OF_PEOPLE = frozenset({"name", "mbox", "mbox_sha1sum", "openid", "response", "description", "display"})


def plain_reason(content: bytes, raw: bytes = b"{}") -> str:
    """The words of an LRS about a refusal, cut to one short line, freed of addresses and of the texts and names in the statement `raw`, which some repeat."""
    import re

    text = content.decode("utf-8", "replace")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        text = re.sub(r"<[^>]*>", " ", text)
    else:
        text = "; ".join(_words(value)) or text
    for said in sorted(_said(orjson.loads(raw)), key=len, reverse=True):
        text = text.replace(said, "…")
    text = re.sub(r"[^\s\"'<>:;,()\[\]{}]+@[^\s\"'<>;,()\[\]{}]+", "…", text)
    return " ".join(text.split())[:300] or "no reason given"


def _said(statement: Any) -> set[str]:
    """What a statement says in words, and names people by."""
    found, stack = set[str](), [(statement, False)]
    while stack:
        value, is_said = stack.pop()
        if isinstance(value, dict):
            stack += [(each, is_said or name in _SAID_OF_PEOPLE) for name, each in value.items()]
        elif isinstance(value, list):
            stack += [(each, is_said) for each in value]
        elif is_said and isinstance(value, str) and len(value) > 2:
            found.add(value)
    return found


def _words(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value]
    if depth > 4:
        return []
    if isinstance(value, list):
        return [word for each in value[:5] for word in _words(each, depth + 1)]
    if isinstance(value, dict):
        told = []
        for name in (
            "message",
            "error",
            "detail",
            "reason",
            "warnings",
            "property",
            "path",
            "index",
            "errors",
            "msg",
            "loc",
        ):
            if name in value:
                each = value[name]
                told += [f"{name} {each}"] if name in {"index", "path", "property"} else _words(each, depth + 1)
        return told
    return []


def _beside(stored: str, query: Mapping[str, str]) -> str:
    at = moment(stored)
    if at is None:
        raise UnexpectedShape("a `stored` of the LRS is no time")
    return exact_text(at - _TICK if query.get("ascending") == "true" else at + _TICK)


def _read(reply: Reply) -> tuple[Page, str] | None:
    kind = reply.headers.get("Content-Type", "")
    content = reply.content
    attachments: dict[str, tuple[str, bytes]] = {}
    if kind.startswith("multipart/mixed"):
        content, attachments = parts_of(kind, content)
    try:
        page = _PAGE.decode(content)
    except msgspec.DecodeError:
        return None
    through, clock = consistent_through(reply.headers), _clock(reply.headers.get("Date", ""))
    return Page([bytes(raw) for raw in page.statements], through, attachments, clock=clock), page.more or ""


def _clock(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None


_BROKEN = object()


def _single(reply: Reply) -> Any:
    """The statement in an answer to `statementId`: itself, or wrapped in a list as loose LRSs do; None in an empty list."""
    try:
        value = msgspec.json.decode(reply.content, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return _BROKEN
    if "statements" not in value:
        return reply.content
    try:
        statements = msgspec.json.decode(value["statements"], type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return _BROKEN
    return bytes(statements[0]) if statements else None


def parts_of(content_type: str, body: bytes) -> tuple[bytes, dict[str, tuple[str, bytes]]]:
    """JSON and attachments (by their sha2) of a multipart/mixed answer (xAPI 1.0.3 part three, 1.5.2).

    Raises UnexpectedShape when there is no boundary or no part.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    pieces = body.split(b"--" + boundary.encode()) if boundary else []
    attachments: dict[str, tuple[str, bytes]] = {}
    first = None
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
        }
        if first is None:
            first = content
        elif "x-experience-api-hash" in fields:
            attachments[fields["x-experience-api-hash"]] = (fields.get("content-type", ""), content)
    if first is None:
        raise UnexpectedShape("the multipart answer of the LRS has no parts")
    return first, attachments

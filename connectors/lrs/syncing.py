"""Copies statements from one LRS to another, as they are, however often: what is there already stays.

Voiding statements go along whatever the filters are (they hold an id and nothing else), so that what one LRS voids is voided in the other.
Attachments whose content the source holds travel with their statement.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import orjson

from connectors.lrs.comparing import differences
from connectors.lrs.loading import OnBatch, OnRejection
from connectors.lrs.reading import parts_of, plain_reason, stamp
from connectors.lrs.report import LoadReport, Rejection
from leerstroom.statements import verbs

if TYPE_CHECKING:
    from connectors.lrs.client import Lrs

logger = logging.getLogger(__name__)

_BOUNDARY = b"leerstroom-a5b2c9e1"


def sync(
    source: "Lrs",
    target: "Lrs",
    *,
    agent: Any = None,
    verb: Any = None,
    activity: Any = None,
    registration: Any = None,
    since: datetime | date | str | None = None,
    until: datetime | date | str | None = None,
    profile: str | None = None,
    on_batch: OnBatch | None = None,
    on_rejection: OnRejection | None = None,
) -> LoadReport:
    """Copies what matches from `source` to `target`, oldest first, byte for byte; a second run stores nothing.

    Filters are those of `Lrs.query`; `since` and `until` look at when the source stored a statement; `profile` is the IRI of an xAPI profile that
    the statement names in its category. Raises what `Lrs.query` and `Lrs.load` raise.
    """
    filters = {"agent": agent, "verb": verb, "activity": activity, "registration": registration}
    times = {"since": since, "until": until}
    if profile and not activity:
        filters |= {"activity": profile, "related_activities": True}
    apart: list[LoadReport] = []

    def outgoing() -> Iterator[bytes]:
        walks = [filters | times]
        if any(filters.values()):
            walks.append({"verb": verbs.VOIDED.iri, **times})
        for number, walk in enumerate(walks):
            for page in source.pages(ascending=True, **walk):
                for raw in page.statements:
                    if number == 0 and profile and not _is_of(raw, profile):
                        continue
                    contents = held_contents(source, raw) if b'"attachments"' in raw else {}
                    if contents:
                        apart.append(save_with_contents(target, raw, contents, on_rejection))
                    else:
                        yield raw

    report = target.load(outgoing(), on_batch=on_batch, on_rejection=on_rejection)
    for each in apart:
        report = report.merge(each)
    logger.info("sync from LRS connection '%s' to '%s': %s", source.name, target.name, report)
    return report


def held_contents(source: "Lrs", raw: bytes) -> dict[str, tuple[str, bytes]]:
    """Attachments of a statement that have no address of their own: sha2 -> (content type, content). Asked for one by one: they are rare."""
    statement = orjson.loads(raw)
    wanted = {each.get("sha2") for each in statement.get("attachments") or () if not each.get("fileUrl")}
    if not wanted:
        return {}
    transport = source.transport
    reply = transport.send(
        "GET", transport.address("statements", {"statementId": statement["id"], "attachments": "true"})
    )
    kind = reply.headers.get("Content-Type", "")
    if not reply.is_fine or not kind.startswith("multipart/mixed"):
        return {}
    _, contents = parts_of(kind, reply.content)
    return {sha2: each for sha2, each in contents.items() if sha2 in wanted}


def save_with_contents(
    target: "Lrs", raw: bytes, contents: Mapping[str, tuple[str, bytes]], on_rejection: OnRejection | None = None
) -> LoadReport:
    """Stores one statement with the contents of its attachments (xAPI 1.0.3 part three, 1.5.2). The report counts this one statement."""
    statement_id, size = stamp(raw).id, len(raw)

    def refusal(reason: str, *, conflict: bool = False) -> LoadReport:
        rejection = Rejection(statement_id, reason)
        if on_rejection:
            on_rejection(rejection, raw)
        return LoadReport(1, conflicting=int(conflict), rejected=int(not conflict), bytes=size, rejections=[rejection])

    held = target.reader.one(statement_id)
    if held is not None:
        differs = differences(raw, held)
        if differs:
            return refusal(f"conflict: {', '.join(differs)} differ", conflict=True)
        return LoadReport(1, already_there=1, bytes=size)
    parts = [b"Content-Type: application/json\r\n\r\n" + raw]
    for sha2, (kind, content) in contents.items():
        head = f"Content-Type: {kind or 'application/octet-stream'}\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {sha2}"
        parts.append(head.encode() + b"\r\n\r\n" + content)
    body = b"".join(b"--" + _BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + _BOUNDARY + b"--\r\n"
    transport = target.transport
    reply = transport.send(
        "POST",
        transport.address("statements"),
        body,
        {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY.decode()}"},
    )
    if not reply.is_fine:
        return refusal(f"{reply.status}: {plain_reason(reply.content, raw)}")
    return LoadReport(1, stored=1, bytes=size)


def _is_of(raw: bytes, profile: str) -> bool:
    if profile.encode() not in raw:
        return False
    context = orjson.loads(raw).get("context") or {}
    category = (context.get("contextActivities") or {}).get("category") or []
    return any(each.get("id") == profile for each in (category if isinstance(category, list) else [category]))

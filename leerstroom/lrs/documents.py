"""What state, agent profiles and activity profiles have in common: documents with ETag, preconditions and merging of JSON (xAPI 1.0.3 part three, 2.2 and 3.1)."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import orjson

from leerstroom.lrs import times
from leerstroom.lrs.requests import JSON, Call, Refusal, Reply, json_reply, parse_json
from leerstroom.lrs.storage import Document, Storage, Writing
from leerstroom.lrs.storage.reading import read_document


class Kind(IntEnum):
    """Which resource a document belongs to. The numbers are stored: never renumber."""

    STATE = 0
    AGENT_PROFILE = 1
    ACTIVITY_PROFILE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies; what does not apply is empty. `registration` None means: of any registration (lists and deletions only)."""

    kind: Kind
    activity: bytes = b""
    agent: bytes = b""
    registration: bytes | None = b""
    name: bytes = b""

    @property
    def values(self) -> tuple[int, bytes, bytes, bytes, bytes]:
        """The primary key."""
        return (int(self.kind), self.activity, self.agent, self.registration or b"", self.name)


class Documents:
    """The documents of one store."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, place: Place) -> Reply:
        """One document as it was sent. Raises Refusal(404)."""
        document = await asyncio.to_thread(self._storage.reader.document, *place.values)
        if document is None:
            raise Refusal(404, "no such document")
        return Reply(
            200,
            document.content,
            document.content_type,
            {"ETag": f'"{document.etag}"', "Last-Modified": times.http(document.updated)},
        )

    async def names(self, place: Place, after: int | None) -> Reply:
        """The ids of the documents, of those only that changed after a time."""
        listed = await asyncio.to_thread(
            self._storage.reader.documents, int(place.kind), place.activity, place.agent, place.registration, after
        )
        reply = json_reply([name.decode("utf-8", "surrogatepass") for name in dict(listed)])
        if listed:
            reply.headers["Last-Modified"] = times.http(max(updated for _, updated in listed))
        return reply

    async def put(self, call: Call, place: Place) -> Reply:
        """Replaces a document. A profile needs a precondition: without one 409 where it exists, 400 where it doesn't.

        A state needs one in 2.0 only, where it exists (1.0.3 part three, 3.1; 2.0.0, 4.1.4).
        """
        content_type = _checked(call)
        profile = place.kind is not Kind.STATE

        def job(writing: Writing) -> None:
            before = read_document(writing.connection, *place.values)
            _preconditions(call, before)
            if not _has_precondition(call):
                if before is not None and (profile or call.two):
                    raise Refusal(
                        409,
                        "the document exists; read it, then send its ETag as If-Match (or If-None-Match: * for a new one)",
                    )
                if before is None and profile:
                    raise Refusal(400, "PUT of a profile needs If-Match or If-None-Match")
            _write(writing, place, content_type, call.body)

        await self._written(job)
        return Reply(204)

    async def post(self, call: Call, place: Place) -> Reply:
        """Makes a document, or merges two JSON objects: names of the new one win. Raises Refusal(400) when one is no JSON object."""
        content_type = _checked(call)
        new = parse_json(call.body, "the document") if content_type.split(";", 1)[0].strip().lower() == JSON else None

        def job(writing: Writing) -> None:
            before = read_document(writing.connection, *place.values)
            _preconditions(call, before)
            content = call.body
            if before is not None:
                old = (
                    orjson.loads(before.content)
                    if before.content_type.split(";", 1)[0].strip().lower() == JSON
                    else None
                )
                if not isinstance(old, dict) or not isinstance(new, dict):
                    raise Refusal(
                        400, "documents are merged only when both are JSON objects with the type application/json"
                    )
                content = orjson.dumps({**old, **new})
            _write(writing, place, content_type, content)

        if new is not None and not isinstance(new, dict):
            raise Refusal(400, "a JSON document that is posted must be an object")
        await self._written(job)
        return Reply(204)

    async def delete(self, call: Call, place: Place, *, all_names: bool = False) -> Reply:
        """Deletes a document, or all of an activity and agent; 204 whether or not there was one."""

        def job(writing: Writing) -> None:
            if all_names:
                sql, values = (
                    "DELETE FROM documents WHERE kind = ? AND activity = ? AND agent = ?",
                    [int(place.kind), place.activity, place.agent],
                )
                if place.registration is not None:
                    sql += " AND registration = ?"
                    values.append(place.registration)
                writing.connection.run(sql, values)
                return
            before = read_document(writing.connection, *place.values)
            _preconditions(call, before)
            if before is not None:
                _remove(writing, place)

        await self._written(job)
        return Reply(204)

    async def _written(self, job: Callable[[Writing], None]) -> None:
        await asyncio.wrap_future(self._storage.writer.submit(job))


def _checked(call: Call) -> str:
    """The content type of a document; JSON must be JSON."""
    if call.content_type == JSON:
        parse_json(call.body, "the document")
    told = call.headers.get("content-type", "application/octet-stream")
    if not told.isprintable() or len(told) > 200:
        raise Refusal(400, "the Content-Type of the document is no media type")
    return told


def _remove(writing: Writing, place: Place) -> None:
    writing.connection.run(
        "DELETE FROM documents WHERE kind = ? AND activity = ? AND agent = ? AND registration = ? AND name = ?",
        place.values,
    )


def _write(writing: Writing, place: Place, content_type: str, content: bytes) -> None:
    _remove(writing, place)
    etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()  # part three, 3.1: "a SHA-1 hexadecimal value"
    writing.connection.insert(
        "documents",
        "kind, activity, agent, registration, name, updated, etag, content_type, content",
        [(*place.values, times.now(), etag, content_type, content)],
    )


def _has_precondition(call: Call) -> bool:
    return "if-match" in call.headers or "if-none-match" in call.headers


def _preconditions(call: Call, before: Document | None) -> None:
    """If-Match and If-None-Match of RFC 9110. Raises Refusal(412); the document stays as it is."""
    match = call.headers.get("if-match")
    if match is not None and (before is None or (match.strip() != "*" and before.etag not in _tags(match))):
        raise Refusal(412, "the document changed: its ETag is another one than If-Match says")
    none = call.headers.get("if-none-match")
    if none is not None and before is not None and (none.strip() == "*" or before.etag in _tags(none)):
        raise Refusal(412, "the document exists: If-None-Match does not hold")


def _tags(header: str) -> set[str]:
    return {each.strip().removeprefix("W/").strip('"') for each in header.split(",")}

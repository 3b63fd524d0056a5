"""Attachments: multipart/mixed in and out, and what must hold between statements and the parts that come with them (xAPI 1.0.3 part two, 2.4.11; part three, 1.5.2)."""

import hashlib
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from leerstroom.lrs.requests import JSON, Refusal
from leerstroom.lrs.storage import Storage

logging.getLogger("python_multipart").setLevel(
    logging.CRITICAL
)  # it logs what it finds in bodies; we answer 400 instead
_HASHES = {56: hashlib.sha224, 64: hashlib.sha256, 96: hashlib.sha384, 128: hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Content:
    """One attachment's content as it came."""

    sha2: str
    content_type: str
    content: bytes


def read_mixed(content_type: str, body: bytes) -> tuple[bytes, list[Content]]:
    """(JSON of the statements, contents) of a multipart/mixed body. Raises Refusal(400) for what breaks its rules."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary or len(boundary) > 200 or not boundary.isascii():
        raise Refusal(400, "multipart/mixed needs a boundary in its Content-Type")
    parts = _parts(boundary.encode(), body)
    if not parts:
        raise Refusal(400, "the multipart body has no part; check boundary and line ends (CRLF)")
    (headers, statements), *rest = parts
    if headers.get("content-type", "").split(";", 1)[0].strip().lower() != JSON:
        raise Refusal(400, "the first part of multipart/mixed must be application/json: the statements")
    return statements, [_content(number, *part) for number, part in enumerate(rest, 1)]


def _content(number: int, headers: Mapping[str, str], content: bytes) -> Content:
    if headers.get("content-transfer-encoding", "").lower() != "binary":
        raise Refusal(400, f"part {number}: Content-Transfer-Encoding must be binary")
    sha2 = headers.get("x-experience-api-hash", "").lower()
    if not sha2:
        raise Refusal(400, f"part {number}: X-Experience-API-Hash is missing")
    make = _HASHES.get(len(sha2))
    if make is None or make(content).hexdigest() != sha2:
        raise Refusal(400, f"part {number}: X-Experience-API-Hash is not the SHA-2 of its content")
    return Content(sha2, headers.get("content-type", "application/octet-stream"), content)


def _parts(boundary: bytes, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    found: list[tuple[dict[str, str], bytes]] = []
    headers: dict[str, str] = {}
    name, value, data = bytearray(), bytearray(), bytearray()
    ended = False

    def begin() -> None:
        headers.clear()
        data.clear()

    def header() -> None:
        headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        name.clear()
        value.clear()

    def end() -> None:
        nonlocal ended
        ended = True

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": begin,
            "on_header_field": lambda part, start, stop: name.extend(part[start:stop]),
            "on_header_value": lambda part, start, stop: value.extend(part[start:stop]),
            "on_header_end": header,
            "on_part_data": lambda part, start, stop: data.extend(part[start:stop]),
            "on_part_end": lambda: found.append((dict(headers), bytes(data))),
            "on_end": end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except MultipartParseError:
        raise Refusal(400, "the multipart body does not follow RFC 2046; check boundary and line ends (CRLF)") from None
    if not ended:
        raise Refusal(400, "the multipart body has no closing boundary")
    return found


def named_attachments(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The attachments that a statement and its SubStatement name."""
    yield from statement.get("attachments", ())
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        yield from target.get("attachments", ())


def check_contents(statements: Sequence[Mapping[str, Any]], contents: Sequence[Content], storage: Storage) -> None:
    """Every part belongs to a statement; every attachment without fileUrl has its part here or is stored already. Raises Refusal(400)."""
    sent = {each.sha2 for each in contents}
    named: set[str] = set()
    wanting: dict[str, int] = {}
    for number, statement in enumerate(statements):
        for attachment in named_attachments(statement):
            sha2 = attachment["sha2"].lower()
            named.add(sha2)
            if sha2 not in sent and "fileUrl" not in attachment:
                wanting[sha2] = number
    if sent - named:
        raise Refusal(400, "a part of the multipart body belongs to no statement (X-Experience-API-Hash)")
    missing = set(wanting) - (storage.reader.held_attachments(list(wanting)) if wanting else set())
    if missing:
        number = min(wanting[each] for each in missing)
        raise Refusal(
            400,
            f"statement {number}: an attachment has neither fileUrl nor a part with its content",
            index=number,
            property="attachments",
        )


def write_mixed(statements: bytes, contents: Sequence[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """(body, content type) of an answer with attachments."""
    boundary = secrets.token_hex(16)
    parts = [b"--" + boundary.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + statements + b"\r\n"]
    for sha2, content_type, content in contents:
        head = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {sha2}\r\n\r\n"
        parts.append(head.encode("latin-1", "replace") + content + b"\r\n")
    parts.append(b"--" + boundary.encode() + b"--\r\n")
    return b"".join(parts), f"multipart/mixed; boundary={boundary}"

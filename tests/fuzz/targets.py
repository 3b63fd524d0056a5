"""Everything that reads what others wrote, each as a target: a function of bytes with inputs to begin with.

`source-NAME` is the mapping of a platform, `document-NAME` the files that it exports; the rest are the readers that platforms share, the statement validator,
the mirror's columns, and the LRS as the ASGI app that it is. Nothing here needs atheris: `guided.py` adds the engine, `test_targets.py` tries inputs one by one.
"""

import asyncio
import base64
import csv
import gzip
import io
import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import requests
import ways
from recorded import payloads
from source_contract import RECORDINGS, completed
from urllib3.util import parse_url

from connectors import files, tables
from connectors.http import Api, error_code, retry_after_s, shown_path
from connectors.lrs.transport import Transport
from connectors.source import Source, installed, load
from leerstroom.errors import BadRecord, ConfigurationError, InvalidStatement, UnexpectedShape
from leerstroom.features import features
from leerstroom.lrs import Limits
from leerstroom.lrs.app import LrsApp, create_app
from leerstroom.mirror.columns import to_table
from leerstroom.people import Directory

LARGEST_SEED = 24_000
ANSWERS = frozenset({
    200,
    204,
    303,
    400,
    401,
    403,
    404,
    405,
    408,
    409,
    412,
    413,
    415,
    429,
})  # of the specification, and 429

Mutation = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Target:
    """A reader under test. `tried` answers how an input ended and raises what nobody expected.

    `form` says how inputs are changed: `json` behind `skipped` bytes, the members of a `zip`, or plain `bytes`.
    """

    name: str
    seeds: Callable[[], Iterable[bytes]]
    tried: Callable[[bytes], str]
    form: str = "bytes"
    skipped: int = 0


# --- platforms --------------------------------------------------------------------------------------------------------------------


def _source(name: str) -> Target:
    """The first byte picks one of the connections of the pairs, the rest is a line that the platform sends. The platform's file is loaded when it is first asked."""

    @cache
    def known() -> tuple[list[Source], list[bytes]]:
        connections: list[dict[str, Any]] = []
        lines: list[bytes] = []
        for _, fields, payload in payloads(load(name)):
            if fields not in connections:
                connections.append(fields)
            lines.append(bytes([connections.index(fields) % 256]) + orjson.dumps(payload))
        return [completed(load(name), each) for each in connections[:256]], [
            each for each in lines if len(each) < LARGEST_SEED
        ]

    def tried(data: bytes) -> str:
        return ways.of_line(known()[0][data[0] % len(known()[0])], data[1:]) if data else "nothing"

    return Target(f"source-{name}", lambda: known()[1], tried, "json", 1)


def _document(
    name: str, seeds: Callable[[], Iterable[bytes]], file: str, fields: Mapping[str, Any] | None = None
) -> Target:
    """A file of this name as the platform exports it, read by a connection with `fields`, or with those of the first pair."""

    @cache
    def source() -> Source:
        told = fields or next(fields for _, fields, _ in payloads(load(name)))
        return completed(load(name), dict(told))

    form = "zip" if file.endswith((".zip", ".xlsx")) else "bytes"
    ending = file.rsplit(".", 1)[1]
    return Target(f"document-{name}-{ending}", seeds, lambda data: ways.of_document(source(), data, file), form)


def zipped(members: Mapping[str, bytes]) -> bytes:
    """An archive of these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def _recorded(pattern: str) -> Iterator[bytes]:
    for path in sorted(RECORDINGS.glob(pattern)):
        data = path.read_bytes()
        yield data if len(data) < LARGEST_SEED or path.suffix in {".zip", ".xlsx"} else data[:LARGEST_SEED]


def _yammer() -> Iterator[bytes]:
    yield zipped({path.name: path.read_bytes() for path in sorted((RECORDINGS / "yammer").glob("*.csv"))})


def _facebook() -> Iterator[bytes]:
    cls = load("facebook")
    for number, (_, _, payload) in enumerate(islice(payloads(cls), 12)):
        yield zipped({f"groups/{number}.json": orjson.dumps(payload), "profile.json": b"{}"})


def badge() -> dict[str, Any]:
    """An Open Badge 3.0."""
    subject = {
        "type": ["AchievementSubject"],
        "identifier": [{"type": "IdentityObject", "identityHash": "a@x.example", "identityType": "emailAddress"}],
        "achievement": {"id": "https://i.example/achievements/1", "type": ["Achievement"], "name": "Veilig werken"},
    }
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"],
        "id": "https://i.example/credentials/1", "type": ["VerifiableCredential", "OpenBadgeCredential"], "issuer": {"id": "https://i.example/1"},
        "validFrom": "2026-11-03T10:00:00Z", "credentialSubject": subject,
    }  # fmt: skip


def _jwt(claims: Mapping[str, Any]) -> bytes:
    head, body = (base64.urlsafe_b64encode(orjson.dumps(each)).rstrip(b"=") for each in ({"alg": "RS256"}, claims))
    return head + b"." + body + b".c2lnbmF0dXJl"


def png(text: bytes, *, packed: bool = False) -> bytes:
    """A picture with a badge baked into it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    inside = b"openbadgecredential\0" + (b"\1\0\0\0" + zlib.compress(text) if packed else b"\0\0\0\0" + text)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13) + chunk(b"iTXt", inside) + chunk(b"IEND", b"")


def _badges() -> Iterator[bytes]:
    text = orjson.dumps(badge())
    yield from (png(text), png(text, packed=True), png(_jwt(badge())), _jwt(badge()), text)
    for inside in (
        b"<openbadges:credential><![CDATA[" + text + b"]]></openbadges:credential>",
        b'<openbadges:credential verify="' + _jwt(badge()) + b'"/>',
    ):
        yield b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:openbadges="http://openbadges.org">' + inside + b"</svg>"


_MEETING = b"""<recording meeting_id="m-1762160400000"><meeting id="m-1762160400000" externalId="room" name="Webinar" breakout="false"/>
<event timestamp="900000" module="PARTICIPANT" eventname="ParticipantJoinEvent"><userId>w_a</userId><externalUserId>e1</externalUserId><role>VIEWER</role>
<timestampUTC>1762160400000</timestampUTC></event>
<event timestamp="950000" module="CHAT" eventname="PublicChatEvent"><senderId>w_a</senderId><message><![CDATA[Wie weet dit?]]></message><date>2026-11-03T10:00:00+01</date></event>
<event timestamp="990000" module="POLL" eventname="PollStartedRecordEvent"><pollId>p</pollId><answers>[{"id":0,"key":"Ja"}]</answers></event>
<event timestamp="995000" module="POLL" eventname="UserRespondedToPollRecordEvent"><pollId>p</pollId><userId>w_a</userId><answerId>0</answerId></event>
<event timestamp="4500000" module="PARTICIPANT" eventname="EndAndKickAllEvent"><timestampUTC>1762164000000</timestampUTC></event></recording>"""


def _workbooks() -> Iterator[bytes]:
    """The first lines of the recorded workbook: openpyxl takes a tenth of a second for all of it."""
    import openpyxl

    for path in sorted((RECORDINGS / "demo" / "sheet").glob("*.xlsx")):
        book = openpyxl.load_workbook(path)
        for sheet in book.worksheets:
            sheet.delete_rows(8, sheet.max_row)
        made = io.BytesIO()
        book.save(made)
        yield made.getvalue()


def _tables(name: str) -> Iterator[bytes]:
    """What a sheet may be named after, out of the pairs' payloads: each as a table of one line."""
    for _, _, payload in islice(payloads(load(name)), 20):
        if isinstance(payload, dict):
            made = io.StringIO()
            csv.writer(made, delimiter=";").writerows([list(payload), [str(each) for each in payload.values()]])
            yield made.getvalue().encode()


def _documents() -> Iterator[Target]:
    sheets = {"files": ["x"], "worksheet": "*"}
    whatsapp = {"files": ["x"], "rooms": ["Leergroep"], "time_zone": "Europe/Amsterdam"}
    yield _document("sheet", lambda: [*_recorded("demo/sheet/*.csv"), *_tables("sheet")], "register.csv", sheets)
    yield _document("sheet", _workbooks, "register.xlsx", sheets)
    yield _document("report", lambda: [*_recorded("report/*.csv"), *_tables("report")], "export.csv")
    yield _document("report", _workbooks, "export.xlsx")
    yield _document("selfreport", lambda: _recorded("selfreport/*.csv"), "forms.csv")
    yield _document("calendar", lambda: _recorded("calendar/*.ics"), "learning.ics")
    yield _document("bigbluebutton", lambda: [_MEETING], "events.xml")
    yield _document("openbadges", _badges, "badge.png")
    yield _document("whatsapp", lambda: _recorded("whatsapp/*.txt"), "WhatsApp-chat met Leergroep.txt", whatsapp)
    yield _document("whatsapp", lambda: _recorded("whatsapp/*.zip"), "WhatsApp Chat - Leergroep.zip", whatsapp)
    yield _document("googleplus", lambda: _recorded("googleplus/*.zip"), "takeout.zip")
    yield _document("yammer", _yammer, "export.zip")
    yield _document("yammer", lambda: _recorded("yammer/*.csv"), "Messages.csv")
    yield _document("facebook", _facebook, "workplace.zip")


# --- readers that platforms share ---------------------------------------------------------------------------------------------------


_PACKINGS = ("", ".gz", ".bz2", ".xz", ".zst")


def _packed(data: bytes) -> str:
    """A file on the disk, packed or not by its first byte, read as lines and as a whole."""
    if not data:
        return "nothing"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"export.log{_PACKINGS[data[0] % len(_PACKINGS)]}"
        path.write_bytes(data[1:])
        try:
            count = sum(1 for _ in files.lines(str(path)))
            files.read(str(path), 4 * 1024 * 1024)
        except BadRecord:
            return "refused"
    return f"{min(count, 3)} lines"


def _packed_seeds() -> Iterator[bytes]:
    import bz2
    import lzma

    import zstandard

    text = b'{"a": 1}\n\n{"b": 2}\r\n' * 20
    packed = (text, gzip.compress(text, mtime=0), bz2.compress(text), lzma.compress(text), zstandard.compress(text))
    yield from (bytes([number]) + each for number, each in enumerate(packed))


def _table(data: bytes) -> str:
    """Rows of what a program exported as CSV."""
    try:
        return f"{min(sum(1 for _ in tables.exported(data)), 3)} rows"
    except BadRecord:
        return "refused"


def _employees(data: bytes) -> str:
    """The employees' file, that of leave and that of accounts that do not count: each is tried as each."""
    with tempfile.TemporaryDirectory() as folder:
        path, right = Path(folder) / "any.csv", Path(folder) / "employees.csv"
        path.write_bytes(data)
        right.write_text("employee_id,email\nE1,a@x.example\n")
        ends = []
        for arguments in ((path, None, None), (right, path, None), (right, None, path)):
            try:
                Directory.read(*arguments)
            except ConfigurationError:
                ends.append("refused")
            else:
                ends.append("read")
    return ", ".join(ends)


def _employee_files() -> Iterator[bytes]:
    yield from _recorded("demo/*.csv")
    yield b"employee_id;date\nE1;2026-11-03\n"
    yield "\ufeffemployee_id;emails;fte;in_service_from;id_matrix\nE1;a@x.example;0,8;2020-01-01;@a:x\n".encode()


def _text(data: bytes) -> str:
    """What is kept of a message: its features."""
    made = features([data.decode("utf-8", "surrogatepass" if data[:1] == b"\xed" else "replace")] if data else [])
    orjson.dumps(made)
    return "asks" if made["is_question"] else "says"


def _texts() -> Iterator[bytes]:
    yield from (
        b"", b"Weet iemand hoe dit werkt?", b"Dank je wel, dat helpt!", b"> wie weet dit?\n\nIk: https://example.org/?a=b", b"<p>How do I do this?</p><pre>code?</pre>",
        "Könnt ihr mir helfen 🙏 ?".encode(), b"```\nselect ?\n```", "\u202eabc\u2066? \u200d".encode(), b"a" * 3000, b"? " * 1500, b"&lt;&amp;&#x202e;" * 200,
    )  # fmt: skip


# --- answers of platforms -----------------------------------------------------------------------------------------------------------


def _address(data: bytes) -> str:
    """A paging address: refused, or sent to our own scheme, host and port whatever it says."""
    text = data.decode("utf-8", "replace")
    with Api("https://platform.example/v2", connection="fuzz") as api:
        try:
            meant = api._address(text)
        except UnexpectedShape:
            return "refused"
        shown_path(meant)
    try:
        sent = requests.Request("GET", meant).prepare().url
    except requests.RequestException:
        return "cannot be sent"
    assert sent is not None
    parts = parse_url(sent)
    assert (parts.scheme, parts.auth, parts.host, parts.port) in {
        ("https", None, "platform.example", None),
        ("https", None, "platform.example", 443),
    }, "leads to another host"
    return "ours"


@cache
def _transport() -> Transport:
    return Transport("https://lrs.example/xapi/", name="fuzz")


def _more(data: bytes) -> str:
    """The `more` of an LRS: it leads to our own host whatever it names."""
    try:
        meant = _transport().address(data.decode("utf-8", "replace"))
        sent = requests.Request("GET", meant).prepare().url
    except (UnexpectedShape, requests.RequestException):
        return "refused"
    assert sent is not None
    assert (parse_url(sent).scheme, parse_url(sent).netloc) == ("https", "lrs.example"), "leads to another host"
    return "ours"


def _addresses() -> Iterator[bytes]:
    for text in (
        "/next?page=2", "https://platform.example/v2/next", "https://lrs.example/xapi/statements?cursor=1", "//platform.example/x", "https://PLATFORM.example:443/x",
        "https://evil.example\\@platform.example/", "https://platform.example@evil.example/", "x:@evil.example/://", "https://[::1]/", "https:///x", "http://platform.example/",
        "?after=https://evil.example/", "https://xn--platfrm-q1a.example/", "https://platform.example:8443/x", "\thttps://evil.example/", "http://[::1", "https://platform。example/",
    ):  # fmt: skip
        yield text.encode()


def _refusal(data: bytes) -> str:
    """What a refusal says: its code and how long to wait; a line of headers, then the body."""
    head, _, body = data.partition(b"\n")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    text = head.decode("latin-1")
    code = error_code(value)
    assert len(code) <= 60, "a sentence"
    assert "@" not in code
    waits = [
        retry_after_s({name: text}, value) for name in ("Retry-After", "X-RateLimit-Reset", "X-Business-Use-Case-Usage")
    ]
    assert all(each is None or each >= 0 for each in waits), "a time that is none"
    return "waits" if any(waits) else "says nothing"


def _refusals() -> Iterator[bytes]:
    for head, body in (
        ("5", {"retry_after_ms": 4268}), ("Tue, 03 Nov 2026 09:01:00 GMT", {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}), ("1762160400", {"wait_seconds": 3}),
        ('{"1":[{"estimated_time_to_regain_access": 5}]}', {"extras": {"wait_seconds": 9}}), ("soon", {"errcode": "M_LIMIT_EXCEEDED"}), ("1762160400000", []),
    ):  # fmt: skip
        yield head.encode() + b"\n" + orjson.dumps(body)


# --- statements -----------------------------------------------------------------------------------------------------------------------


def _statements() -> Iterator[bytes]:
    seen = set()
    for path in sorted(RECORDINGS.glob("*/pairs/*.json")):
        for each in orjson.loads(path.read_bytes())["outcomes"]:
            sort = (path.parent.parent.name, each.get("verb", {}).get("id"))
            if "verb" in each and sort not in seen:
                seen.add(sort)
                yield orjson.dumps(each)
    agent = {"objectType": "Agent", "mbox": "mailto:a@x.example"}
    base = {"actor": agent, "verb": {"id": "https://v.example/did"}, "object": {"id": "https://o.example/1"}}
    group = {"objectType": "Group", "member": [agent, {"openid": "https://a.example/"}, {"mbox_sha1sum": "a" * 40}]}
    for more in (
        {"actor": group, "context": {"team": {**group, "name": "x"}, "instructor": agent}},
        {"object": {"objectType": "SubStatement", **base}},
        {"object": {"objectType": "StatementRef", "id": "c40a7d5e-083c-52d4-8088-00915207de64"}},
        {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}, "object": {"objectType": "StatementRef", "id": "c40a7d5e-083c-52d4-8088-00915207de64"}},
        {"result": {"score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10}, "success": True, "duration": "P1DT2H3.5S", "response": "x", "extensions": {"https://e.example/x": [1]}}},
        {"attachments": [{"usageType": "https://u.example/", "display": {"en": "x"}, "contentType": "text/plain", "length": 3, "sha2": "a" * 64, "fileUrl": "https://f.example/"}]},
        {"object": {"id": "https://o.example/2", "definition": {"type": "http://adlnet.gov/expapi/activities/cmi.interaction", "interactionType": "choice", "correctResponsesPattern": ["a[,]b"], "choices": [{"id": "a", "description": {"en": "A"}}]}}},
        {"timestamp": "2026-11-03T09:00:00+01:00", "stored": "2026-11-03T09:00:00Z", "authority": agent, "version": "1.0.3", "context": {"contextAgents": [{"objectType": "contextAgent", "agent": agent}]}},
    ):  # fmt: skip
        yield orjson.dumps({**base, **more})


def _statement(data: bytes) -> str:
    """The validator in both versions; what is valid must also fit the mirror."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return "no JSON"
    ends = [ways.of_statement(value, version) for version in ("1.0.3", "2.0.0")]
    if "valid" in ends:
        assert to_table([data]).num_rows == 1
    return ", ".join(ends)


def _columns(data: bytes) -> str:
    """The mirror's columns of what an LRS holds: whatever it is, it is one row or refused."""
    try:
        return f"{to_table([data]).num_rows} row"
    except InvalidStatement:
        return "refused"


# --- the LRS ----------------------------------------------------------------------------------------------------------------------------


class Lrs:
    """The LRS without a server: requests written out as `METHOD PATH`, headers, an empty line and the body."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        key, secret = "fuzz", "a secret of the fuzzing"
        limits = Limits(body=1_000_000, batch=200, read_s=5)
        self.app: LrsApp = create_app(f"{self._folder.name}/lrs.sqlite", key=key, secret=secret, limits=limits)
        self._authorization = b"Basic " + base64.b64encode(f"{key}:{secret}".encode())
        self._loop = asyncio.new_event_loop()

    def tried(self, data: bytes) -> str:
        """One request and its answer."""
        head, _, body = data.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        method, _, target = first.partition(b" ")
        path, _, query = target.partition(b"?")
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        if not any(name == b"authorization" for name, _ in headers):
            headers.append((b"authorization", self._authorization))
        scope = {
            "type": "http", "method": method.decode("latin-1").upper() or "GET", "path": path.decode("utf-8", "replace"),
            "query_string": query, "headers": headers, "root_path": "",
        }  # fmt: skip
        status = self._loop.run_until_complete(self._answered(scope, body))
        assert status in ANSWERS, f"answers {status}"
        return str(status)

    async def _answered(self, scope: dict[str, Any], body: bytes) -> int:
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, content = sent
        told = dict(start["headers"])
        if start["status"] != 204 and scope["method"] != "HEAD":
            assert int(told[b"content-length"]) == len(content["body"])
        return int(start["status"])


@cache
def _lrs() -> Lrs:
    return Lrs()


def _requests() -> Iterator[bytes]:
    agent = json.dumps({"mbox": "mailto:a@x.example"})
    document = f"activityId=https://o.example/1&agent={agent}&stateId=s"
    gets = (
        "statements", "statements?limit=1&format=ids", f"statements?agent={agent}&related_agents=true", "statements?verb=https://v.example/did&since=2026-11-03T09:00:00Z",
        "statements?statementId=c40a7d5e-083c-52d4-8088-00915207de64", "statements?voidedStatementId=c40a7d5e-083c-52d4-8088-00915207de64&attachments=true",
        "statements?activity=https://o.example/1&ascending=true&cursor=1", f"activities/state?{document}", f"agents?agent={agent}", "activities?activityId=https://o.example/1",
        f"agents/profile?agent={agent}", "activities/profile?activityId=https://o.example/1&profileId=p", "about", "nothing",
    )  # fmt: skip
    for number, path in enumerate(gets):
        version = ("1.0.3", "2.0.0")[number % 2]
        yield f"GET /xapi/{path}\nx-experience-api-version: {version}\naccept-language: nl, en;q=0.5\n\n".encode()
    for path in ("/health", "/metrics", "/", "/statements"):
        yield f"GET {path}\n\n".encode()
    for number, statement in enumerate(islice(_statements(), 0, None, 12)):
        version = (b"1.0.3", b"2.0.0")[number % 2]
        yield (
            b"POST /xapi/statements\ncontent-type: application/json\nx-experience-api-version: "
            + version
            + b"\n\n"
            + statement
        )
        yield (
            b"PUT /xapi/statements?statementId=c40a7d5e-083c-52d4-8088-0091520%05d\ncontent-type: application/json\nx-experience-api-version: 1.0.3\n\n"
            % number
            + statement
        )
    for method in ("PUT", "POST", "DELETE"):
        yield f'{method} /xapi/activities/state?{document}\ncontent-type: application/json\nx-experience-api-version: 1.0.3\nif-match: *\n\n{{"a": 1}}'.encode()
    content, sha = b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    attached = {
        "actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "https://v.example/did"}, "object": {"id": "https://o.example/1"},
        "attachments": [{"usageType": "https://u.example/", "display": {"en": "x"}, "contentType": "text/plain", "length": 3, "sha2": sha}],
    }  # fmt: skip
    mixed = (
        b"--b\r\nContent-Type: application/json\r\n\r\n" + orjson.dumps(attached)
        + b"\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: " + sha.encode() + b"\r\n\r\n" + content + b"\r\n--b--"
    )  # fmt: skip
    yield (
        b"POST /xapi/statements\ncontent-type: multipart/mixed; boundary=b\nx-experience-api-version: 1.0.3\n\n" + mixed
    )
    form = "x-experience-api-version=1.0.3&content-type=application/json&content=" + json.dumps(attached)
    yield (
        b"POST /xapi/statements?method=POST\ncontent-type: application/x-www-form-urlencoded\nx-experience-api-version: 1.0.3\n\n"
        + form.encode()
    )
    yield (
        b"POST /xapi/statements\ncontent-type: application/json\ncontent-encoding: gzip\nx-experience-api-version: 2.0.0\n\n"
        + gzip.compress(orjson.dumps(attached), mtime=0)
    )


# --- all of them ------------------------------------------------------------------------------------------------------------------------


def targets() -> dict[str, Target]:
    """All targets by name."""
    found = [_source(name) for name in installed() if name != "xapi"]  # that one copies statements and maps none
    found += _documents()
    found += [
        Target("packed", _packed_seeds, _packed),
        Target("table", lambda: [*_recorded("yammer/*.csv"), *_recorded("kolibri/exports/*.csv")], _table),
        Target("employees", _employee_files, _employees),
        Target("text", _texts, _text),
        Target("address", _addresses, _address),
        Target("more", _addresses, _more),
        Target("refusal", _refusals, _refusal),
        Target("statement", _statements, _statement, "json"),
        Target("columns", _statements, _columns, "json"),
        Target("lrs", _requests, lambda data: _lrs().tried(data), "request"),
    ]
    return {each.name: each for each in found}

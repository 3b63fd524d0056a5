"""BigBlueButton: who was in which room and how long, public chat, raised hands and polls.

API         getRecordings and getMeetings (XML, checksum over the query); learning dashboards (JSON), events.xml of recordings, bbb-webhooks
Permission  the shared secret of the server; and the files, or a web address of its own that the server's administrator gives them
Cost        free; one call for 100 recordings and one for each that ended in the window
People      the external user id, which the LMS that opens the room sends as `userID` (directory column id_bigbluebutton); guests have only the
            id of their visit and stay unresolved; display names are never read, so two people of one name stay two
Attendance  one statement per person and meeting (by internal id) out of a dashboard or events.xml: the union of all sessions; who was still in
            when the meeting ended left then; from webhooks one `joined` and one `left` each, which indicators pair
Late facts  a recording is listed when it is processed, hours later; look back 3 days
Kept        dashboards for 2 minutes after the end, unless learningDashboardCleanupDelayInMinutes=0 in bbb-web.properties keeps them; events.xml
            as long as the recording; webhooks as long as whoever receives them keeps them
Not seen    meetings that were not recorded and left no file; who watches a recording; private chat; how someone voted in an anonymous poll
Verified    with events of the vendor's own tests: the 19 statements of its exporter, with ids of people instead of names
"""

import hashlib
import logging
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, ParseError

import orjson
from defusedxml import ElementTree

from connectors import files, sessions
from connectors.attendance import Join
from connectors.http import Api
from connectors.paging import dig
from connectors.sessions import Sessions, meeting_of
from connectors.source import Gathered, Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, CredentialsRefused, UnexpectedShape
from leerstroom.people import ExcludedAccount, People, Pseudonyms
from leerstroom.statements import (
    Built,
    Ignored,
    Outcome,
    Verb,
    activity,
    from_ms,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)

logger = logging.getLogger(__name__)

_API = "/bigbluebutton/api"
_PAGE = 100
_REFUSED = frozenset({"checksumError", "unauthorized", "accessDenied"})
_SUFFIXES = (".json", ".xml", ".jsonl", ".log")
_PUBLIC_CHAT = "MAIN-PUBLIC-GROUP-CHAT"
_EMOJI = "https://w3id.org/xapi/virtual-classroom/extensions/emoji"
_RAISED_HAND = "U+1F590"
_OF_THE_SERVER = frozenset({"meeting-created", "meeting-ended"})
_MEETING = tuple(f"meeting.{name}" for name in ("id", "topic", "minutes", "start", "end", "is_breakout"))
_USER = {"user.internal": "account", "user.external": "account", "user.email": "email"}
# The profile of virtual classrooms has IRIs of its own for these two; readers know them as `initialized` and `shared`.
_STARTED = replace(verbs.INITIALIZED, iri="http://activitystrea.ms/start", display={"en": "started", "nl": "zette aan"})
_SHARED_SCREEN = replace(verbs.SHARED, iri="http://activitystrea.ms/share")
_STATED: Mapping[str, tuple[Verb, str]] = {
    "meeting-created": (verbs.INITIALIZED, ""),
    "meeting-ended": (verbs.TERMINATED, ""),
    "user-joined": (verbs.JOINED, ""),
    "user-left": (verbs.LEFT, ""),
    "user-audio-voice-enabled": (_STARTED, "micro"),
    "user-audio-unmuted": (_STARTED, "micro"),
    "user-audio-muted": (verbs.STOPPED, "micro"),
    "user-audio-voice-disabled": (verbs.STOPPED, "micro"),
    "user-cam-broadcast-start": (_STARTED, "camera"),
    "user-cam-broadcast-end": (verbs.STOPPED, "camera"),
    "meeting-screenshare-started": (_SHARED_SCREEN, "screen"),
    "meeting-screenshare-stopped": (verbs.UNSHARED, "screen"),
}


class BigBlueButton(Sessions):
    """One BigBlueButton server, or a balancer of several."""

    name: ClassVar[str] = "bigbluebutton"
    title: ClassVar[str] = "BigBlueButton"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    settle: ClassVar[timedelta] = timedelta(0)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Server", kind="url", help="without /bigbluebutton/api"),
        Setting("secret", "Shared secret", secret=True, required=False, help="bbb-conf --secret shows it; empty: only files are read"),
        Setting("published", "Published files", many=True, required=False, help="paths on the server under which its administrator shows files of a meeting, {meeting} for the internal id, such as /learning/{meeting}/learning_dashboard_data.json; of several the first that exists is read"),
        Setting("files", "Files", many=True, required=False, help="paths or addresses with * of learning dashboards (.json), events.xml, and webhooks as they were received, one a line (.jsonl)"),
        Setting("rooms", "Rooms", many=True, required=False, help="external ids or names (with *) of rooms that are meant for learning; empty: all"),
        *sessions.SETTINGS,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("event", "stay", "meeting")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "event": ("occurrence", *_MEETING, *_USER, "event", "at", "role", "is_on", "is_private", "poll.id", "poll.answers", "poll.is_secret", "message.id", "fault"),
        "stay": ("occurrence", *_MEETING, *_USER, "role", "joined", "left"),
        "meeting": ("occurrence", *_MEETING),
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"event": ("message.text",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"event": _USER, "stay": _USER}
    documents: ClassVar[tuple[str, ...]] = (".xml",)

    def api(self) -> Api:
        """The server; requests carry a checksum instead of a token, answers are XML."""
        return Api(
            str(self.connection["host"]),
            connection=self.connection.name,
            requests_per_minute=self.connection.get("requests_per_minute", self.requests_per_minute),
            verify=self.connection.get("verify_tls", True),
            read=_value,
        )

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """What is known of every meeting that ended inside the window, meeting by meeting."""
        seen: set[tuple[str, str]] = set()
        for records in (self._recorded(api, window), self._stored(window)):
            for record in records:
                name = record.kind, record.key
                if name not in seen:
                    seen.add(name)
                    yield record

    def _is_wanted(self, *records: Mapping[str, Any]) -> bool:
        """Whether the meeting that the records tell of is on the list of rooms."""
        rooms = self.connection.get("rooms")
        return not rooms or any("fault" in record or sessions.listed(rooms, meeting_of(record)) for record in records)

    def _recorded(self, api: Api, window: Window) -> Iterator[Record]:
        """Meetings that the API lists as recorded, each with the file that the server shows of it."""
        for recording in self._recordings(api) if self.connection.get("secret") else ():
            meeting = _meeting_of(recording)
            if not self._is_wanted(meeting) or not _is_inside(dig(meeting, "meeting.end"), window):
                continue
            yield meeting
            for path in self.connection.get("published") or ():
                address = str(path).replace("{meeting}", quote(str(meeting["occurrence"]), safe=""))
                found = api.get(address, missing_ok=True).body
                self._accepted(found, f"connection '{api.connection}' at a published file")
                if found is not None:
                    yield from self._out_of(found, str(meeting["occurrence"]))
                    break

    def _recordings(self, api: Api) -> Iterator[Element]:
        """All recordings. A page with nothing new ends the list: a server before 2.6 knows no pages and gives all of them each time."""
        seen: set[str | None] = set()
        while True:
            answer = self.called(api, "getRecordings", {"state": "any", "offset": len(seen), "limit": _PAGE})
            fresh = [each for each in answer.iterfind("recordings/recording") if each.findtext("recordID") not in seen]
            if not fresh:
                return
            seen.update(each.findtext("recordID") for each in fresh)
            yield from fresh

    def called(self, api: Api, call: str, query: Mapping[str, Any]) -> Element:
        """An answer of the API. Its refusals come with status 200. Raises CredentialsRefused for them, and UnexpectedShape."""
        text = urlencode(query)
        checksum = hashlib.sha256(f"{call}{text}{self.connection['secret']}".encode()).hexdigest()
        answer = api.get(f"{_API}/{call}?{text}{'&' if text else ''}checksum={checksum}").body
        where = f"connection '{api.connection}' at {call}"
        if not isinstance(answer, Element) or answer.tag != "response":
            raise UnexpectedShape(f"{where}: this is no answer of BigBlueButton; check the host of the connection")
        self._accepted(answer, where)
        return answer

    @staticmethod
    def _accepted(answer: Any, where: str) -> None:
        if not isinstance(answer, Element) or answer.findtext("returncode") in {None, "SUCCESS"}:
            return
        code = answer.findtext("messageKey") or ""
        if code in _REFUSED:
            raise CredentialsRefused(
                f"{where}: the secret is refused ({code}); compare it with what bbb-conf --secret says"
            )
        raise UnexpectedShape(f"{where}: the server refuses the call ({code if code.isalnum() else 'no code'})")

    def _stored(self, window: Window) -> Iterator[Record]:
        """What files tell, the whole of each meeting that ended inside, so that nobody is known by half; a bad line goes with its neighbours."""
        meetings: dict[str, list[Record]] = {}
        for path in self._paths():
            near = posixpath.basename(path)
            for record in self._file(path):
                near = str(record.setdefault("occurrence", near))
                meetings.setdefault(near, []).append(record)
        for records in meetings.values():
            ends = [end for record in records if (end := _end(record))]
            if self._is_wanted(*records) and (not ends or _is_inside(max(ends), window)):
                yield from records

    def _paths(self) -> list[str]:
        return files.matching(self.connection.get("files") or (), connection=self.connection.name, suffixes=_SUFFIXES)

    def _file(self, path: str) -> Iterator[Record]:
        name = posixpath.basename(path)
        try:
            if files.unpacked_name(path).lower().endswith((".jsonl", ".log")):
                for number, line in files.lines(path):
                    yield from self._out_of(line, f"{name} line {number}")
            else:
                yield from self._out_of(files.read(path), name)
        except BadRecord as error:
            yield _fault(name, error)

    def _out_of(self, value: Any, name: str) -> Iterator[Record]:
        """Records out of a body, a line or a whole file; one that is no record of BigBlueButton comes as a fault, to be reported."""
        try:
            known = _value(value) if isinstance(value, bytes) else value
            yield from list(_document(known) if isinstance(known, Element) else self.read(known))
        except BadRecord as error:
            yield _fault(name, error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield _fault(name, BadRecord(f"nothing that BigBlueButton sends ({type(error).__name__})"))

    def check(self, api: Api) -> str:
        """Asks which meetings run, and looks for the files."""
        said = []
        if self.connection.get("secret"):
            running = self.called(api, "getMeetings", {}).findall("meetings/meeting")
            said.append(f"the secret is accepted, {len(running)} meetings are open")
        if self.connection.get("files"):
            said.append(f"{len(self._paths())} files")
        return ", ".join(said) or "neither secret nor files are set: nothing will be read"

    # --- payloads ----------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A learning dashboard, the analytics callback, a webhook (mapped, raw, or as it is posted), a recorded exchange, or one row."""
        if not isinstance(payload, dict):
            raise BadRecord("nothing that BigBlueButton sends")
        if isinstance(payload.get("data"), dict) and "attributes" in payload["data"]:
            yield _webhook(payload["data"])
        elif isinstance(payload.get("envelope"), dict) and isinstance(payload.get("core"), dict):
            yield _message(payload["envelope"], payload["core"])
        elif isinstance(payload.get("meeting"), dict):
            kind = "stay" if "joined" in payload else "event" if "event" in payload else "meeting"
            yield _row(kind, **{name: value for name, value in payload.items() if name != "kind"})
        elif isinstance(payload.get("event"), str):
            yield from (record for each in _posted(payload["event"]) for record in self.read(each))
        elif isinstance(payload.get("users"), dict):
            yield from _dashboard(payload)
        elif isinstance(dig(payload, "data.attendees") or payload.get("attendees"), list):
            yield from _analytics(payload)
        elif "response" in payload:
            body = dig(payload, "response.body")
            value = _value(body.encode()) if isinstance(body, str) else body
            yield from _document(value) if isinstance(value, Element) else self.read(value)
        else:
            raise BadRecord("nothing that BigBlueButton sends")

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """An events.xml, or an answer of the API."""
        try:
            value = _value(data)
        except ValueError as error:
            raise BadRecord(f"{name} is no XML that can be read") from error
        if not isinstance(value, Element):
            raise BadRecord(f"{name} is no XML")
        yield from _document(value)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. Its key is made of what landed: an external id may be an address or a number of HR."""
        kept = super().minimise(record, pseudonyms)
        if "message" not in kept:
            kept.pop("features", None)
        return Record(kept.kind, _key(kept.kind, kept), kept)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("meeting")
    def meeting(self, row: Record, people: People) -> Outcome:
        """A meeting on a list tells of nobody."""
        return Ignored("meeting, not a person")

    @maps("stay", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of a meeting, over the union of their sessions."""
        yield from self.gathered(rows, _joins, people)

    @maps("event", together="occurrence")
    def events(self, rows: list[Record], people: People) -> Gathered:
        """What webhooks tell, event by event; the events of one meeting tell together who is who."""
        for row, known in zip(rows, _together(rows), strict=True):
            try:
                yield [row], self._event(known, people)
            except ExcludedAccount:
                yield [row], Ignored("account on the exclusion list")
            except BadRecord as error:
                yield [row], error
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                yield [row], BadRecord(f"a field is missing or has an unexpected type ({type(error).__name__})")

    def _event(self, row: Record, people: People) -> Outcome:
        if row.get("fault"):
            raise BadRecord(str(row["fault"]))
        event = row["event"]
        if dig(row, "meeting.is_breakout"):
            return Ignored("breakout room: its people are in the main room too")
        if event == "chat-group-message-sent":
            return Ignored("private chat") if row.get("is_private") else self._said(row, people)
        if event == "poll-started":
            return self._stated(row, people, verbs.ASKED, self._poll(row), extensions={"is-question": True})
        if event == "poll-responded":
            return Ignored("vote in an anonymous poll") if row.get("is_private") else self._voted(row, people)
        if event == "user-raise-hand-changed":
            verb = verbs.REACTED if row.get("is_on") else verbs.UNREACTED
            return self._stated(row, people, verb, result={"extensions": {_EMOJI: _RAISED_HAND}})
        if event == "user-audio-voice-enabled" and not row.get("is_on"):
            return Ignored("listens only")
        if event not in _STATED:
            return Ignored("event that tells of no learning")
        verb, device = _STATED[event]
        return self._stated(row, people, verb, self._device(row, device) if device else None)

    def _voted(self, row: Record, people: People) -> Outcome:
        chosen = [str(each) for each in dig(row, "poll.answers") or ()]
        result = {"response": "[,]".join(chosen)} if chosen else None
        return self._stated(row, people, verbs.ANSWERED, self._poll(row), result=result)

    def _said(self, row: Record, people: People) -> Outcome:
        features = row["features"]
        asks = features["is_question"]
        message = quote(str(dig(row, "message.id") or row.key), safe="")
        return self._stated(
            row,
            people,
            verbs.ASKED if asks else verbs.POSTED,
            activity(f"{self.iri(row)}/messages/{message}", types.MESSAGE),
            extensions={
                "text-length": features["length"],
                "text-language": features["language"],
                "has-link": features["has_link"],
                "is-question": asks,
                "is-thanks": features["is_thanks"],
            },
            **({"rule": "question-in-text", "confidence": 0.9} if asks else {}),
        )

    def _stated(
        self,
        row: Record,
        people: People,
        verb: Verb,
        thing: dict[str, Any] | None = None,
        *,
        extensions: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Built:
        """A statement about the meeting itself, or about a thing in it."""
        terms = {
            **self.about(row),
            "scheduled-minutes": meeting_of(row).get("minutes"),
            "actor-role": row.get("role"),
            **(extensions or {}),
        }
        moment = from_ms(row["at"])
        return statement(
            actor=self._actor(row, people),
            verb=verb,
            object=thing or self.occurrence(row),
            parent=self.occurrence(row) if thing else None,
            grouping=self.series(row),
            timestamp=moment,
            registration=self.registration(row),
            extensions=terms,
            revision=f"{utc_text(moment)} {meeting_of(row).get('topic')} {sorted(terms.items(), key=str)}",
            **more,
        )

    def _actor(self, row: Record, people: People) -> dict[str, Any]:
        """Who did it, by the external id; the server where it was nobody: it opens and closes meetings."""
        if row["event"] in _OF_THE_SERVER:
            return {"objectType": "Agent", "account": {"homePage": self.tenant, "name": self.name}}
        user = row["user"]
        return people.actor(user.get("external") or user.get("internal"), email=user.get("email"))

    def _poll(self, row: Mapping[str, Any]) -> dict[str, Any]:
        iri = f"{self.iri(row)}/polls/{quote(str(row['poll']['id']), safe='')}"
        return activity(iri, types["cmi.interaction"], interaction="choice")

    def _device(self, row: Mapping[str, Any], device: str) -> dict[str, Any]:
        return activity(f"{self.iri(row)}/{device}s/{quote(str(row['user']['internal']), safe='')}", types[device])


def _together(rows: list[Record]) -> list[Record]:
    """The events of one meeting, each with what the others tell: the meeting, the external id and role of who did it, the presenter's screen."""
    meeting: dict[str, Any] = {}
    users: dict[str, Mapping[str, Any]] = {}
    roles: dict[str, str] = {}
    secret: set[str] = set()
    for row in rows:
        meeting |= {name: value for name, value in _table(row.get("meeting")).items() if value is not None}
        user = _table(row.get("user"))
        if user.get("external"):
            users.setdefault(str(user.get("internal")), user)
        if row.get("role"):
            roles[str(user.get("internal"))] = str(row["role"])
        if dig(row, "poll.is_secret"):
            secret.add(str(dig(row, "poll.id")))
    known, presenter = [], dict[str, Any]()
    for row in rows:
        user = dict(_table(row.get("user")))
        if row.get("event") == "user-presenter-assigned":
            presenter = user
        user = user or presenter
        internal = str(user.get("internal"))
        told = {
            "meeting": meeting,
            "user": users.get(internal, user),
            "role": "host" if row.get("event") in _OF_THE_SERVER else roles.get(internal),
            "is_private": row.get("is_private") or str(dig(row, "poll.id")) in secret,
        }
        known.append(Record(row.kind, row.key, {**row, **told}))
    return known


# --- what BigBlueButton sends into rows -------------------------------------------------------------------------------------------------


def _value(data: bytes) -> Any:
    """XML as an Element, anything else as JSON. Raises ValueError for what is neither, and for XML that defines entities."""
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return orjson.loads(data)
    try:
        return ElementTree.fromstring(data, forbid_dtd=True)
    except ParseError as error:
        raise ValueError("no XML") from error


def _key(kind: str, row: Mapping[str, Any]) -> str:
    """Rows have no id of their own, so the key is made of what tells them apart; a vote is one's only vote in its poll."""
    if kind == "meeting":
        return str(row.get("occurrence"))
    user, poll, message = _table(row.get("user")), _table(row.get("poll")), _table(row.get("message"))
    names = (row.get("event"), user.get("internal") or user.get("external"), poll.get("id"), message.get("id"))
    moment = None if poll.get("id") or message.get("id") else row.get("at") or row.get("joined")
    return name_uuid(
        "row", kind, *(str(each or "") for each in (row.get("occurrence"), *names, moment, row.get("fault")))
    )


def _row(kind: str, /, occurrence: Any = None, meeting: Mapping[str, Any] | None = None, **fields: Any) -> Record:
    if not isinstance(occurrence, str) or not occurrence:
        raise BadRecord("the record does not say which meeting it is of")
    about = {name: value for name, value in (meeting or {}).items() if value is not None and value != ""}
    row = {
        "occurrence": occurrence,
        "meeting": about,
        **{name: value for name, value in fields.items() if value is not None},
    }
    return Record(kind, _key(kind, row), row)


def _fault(name: str, error: BadRecord) -> Record:
    return Record("event", name, {"fault": f"{name}: {error}"})


def _user(internal: Any, external: Any = None) -> dict[str, str] | None:
    """The ids of a visit and of a person; what an LMS sends as id of a person may be an address."""
    if not internal and not external:
        return None
    user = {"internal": str(internal or external)}
    if external:
        user["external"] = str(external)
        if "@" in str(external):
            user["email"] = str(external)
    return user


def _role(told: Any) -> str | None:
    return {"MODERATOR": "moderator", "VIEWER": "participant"}.get(str(told))


def _posted(text: str) -> list[Any]:
    """The events in the body of a webhook, a list as a text."""
    try:
        events = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRecord("the webhook's events are no JSON") from error
    return events if isinstance(events, list) else [events]


def _webhook(data: Mapping[str, Any]) -> Record:
    """An event as bbb-webhooks sends it."""
    event, told = str(data["id"]), _table(data["attributes"])
    meeting, user, poll = _table(told.get("meeting")), _table(told.get("user")), _table(told.get("poll"))
    moment = dig(data, "event.ts")
    about = {
        "id": meeting.get("external-meeting-id"),
        "topic": meeting.get("name"),
        "minutes": meeting.get("duration") or None,
        "start": meeting.get("create-time"),
        "is_breakout": meeting.get("is-breakout"),
    }
    fields: dict[str, Any] = {
        "event": event,
        "at": meeting.get("create-time") or moment,
        "user": _user(user.get("internal-user-id"), user.get("external-user-id")),
        "role": _role(user.get("role")),
    }
    if event == "chat-group-message-sent":
        fields |= _message_sent(told.get("chat-id"), _table(told.get("chat-message")), moment)
    elif event == "user-raise-hand-changed":
        fields["is_on"] = user.get("raise-hand") is True
    elif event == "user-emoji-changed" and user.get("emoji") == "raiseHand":  # servers before 2.7
        fields |= {"event": "user-raise-hand-changed", "is_on": True}
    elif event == "user-audio-voice-enabled":
        fields["is_on"] = user.get("sharing-mic") is True
    elif poll:
        fields["poll"] = {"id": _required(poll, "id"), "answers": poll.get("answerIds")}
    return _row("event", meeting.get("internal-meeting-id"), about, **fields)


def _message_sent(chat: Any, message: Mapping[str, Any], moment: Any) -> dict[str, Any]:
    """A message of the public chat; of a private one nothing but that it was."""
    if chat != _PUBLIC_CHAT:
        return {"is_private": True, "user": None}
    sender = _table(message.get("sender"))
    return {
        "at": sender.get("time") or message.get("timestamp") or moment,
        "user": _user(sender.get("internal-user-id") or sender.get("id"), sender.get("external-user-id")),
        "message": {"id": message.get("id"), "text": message.get("message")},
    }


_MESSAGES: Mapping[str, str] = {
    "MeetingCreatedEvtMsg": "meeting-created",
    "MeetingDestroyedEvtMsg": "meeting-ended",
    "UserJoinedMeetingEvtMsg": "user-joined",
    "UserLeftMeetingEvtMsg": "user-left",
    "PresenterAssignedEvtMsg": "user-presenter-assigned",
    "UserJoinedVoiceConfToClientEvtMsg": "user-audio-voice-enabled",
    "UserLeftVoiceConfToClientEvtMsg": "user-audio-voice-disabled",
    "UserMutedVoiceEvtMsg": "user-audio-muted",
    "UserBroadcastCamStartedEvtMsg": "user-cam-broadcast-start",
    "UserBroadcastCamStoppedEvtMsg": "user-cam-broadcast-end",
    "ScreenshareRtmpBroadcastStartedEvtMsg": "meeting-screenshare-started",
    "ScreenshareRtmpBroadcastStoppedEvtMsg": "meeting-screenshare-stopped",
    "GroupChatMessageBroadcastEvtMsg": "chat-group-message-sent",
    "UserRaiseHandChangedEvtMsg": "user-raise-hand-changed",
    "PollStartedEvtMsg": "poll-started",
    "UserRespondedToPollRespMsg": "poll-responded",
}


def _message(envelope: Mapping[str, Any], core: Mapping[str, Any]) -> Record:
    """A message of the server's own bus, which webhooks pass on when they are asked for it raw."""
    name, moment = str(envelope.get("name")), envelope.get("timestamp")
    body, header = _table(core.get("body")), _table(core.get("header"))
    props = _table(body.get("props"))
    opened = {**_table(props.get("meetingProp")), **_table(props.get("durationProps"))}
    about = {
        "id": opened.get("extId"),
        "topic": opened.get("name"),
        "minutes": opened.get("duration") or None,
        "start": opened.get("createdTime"),
        "is_breakout": opened.get("isBreakout"),
    }
    # The header names who was on the line; the body, where it names anybody, names whom it is about.
    internal = body.get("intId") or body.get("userId") or body.get("presenterId")
    event = _MESSAGES.get(name, name)
    fields: dict[str, Any] = {
        "event": event,
        "at": opened.get("createdTime") or moment,
        "user": _user(internal, body.get("extId")),
        "role": _role(body.get("role")),
    }
    match event:
        case "chat-group-message-sent":
            fields |= _message_sent(body.get("chatId"), _table(body.get("msg")), moment)
        case "user-raise-hand-changed":
            fields["is_on"] = body.get("raiseHand") is True
        case "user-audio-voice-enabled":
            fields["is_on"] = body.get("listenOnly") is False
        case "user-audio-muted" if body.get("muted") is False:
            fields["event"] = "user-audio-unmuted"
        case "poll-started" | "poll-responded":
            secret = body.get("secretPoll") is True
            fields["poll"] = {"id": _required(body, "pollId"), "answers": body.get("answerIds"), "is_secret": secret}
    occurrence = header.get("meetingId") or body.get("meetingId") or opened.get("intId")
    return _row("event", occurrence, about, **fields)


def _dashboard(payload: Mapping[str, Any]) -> Iterator[Record]:
    """A learning dashboard: the sessions of each user, then raised hands and votes."""
    occurrence, end = payload.get("intId"), payload.get("endedOn") or None
    about = {"id": payload.get("extId"), "topic": payload.get("name"), "start": payload.get("createdOn"), "end": end}
    users = [_table(each) for each in payload["users"].values()]
    for user in users:
        role = "moderator" if user.get("isModerator") else "participant"
        for internal, joined, left in _visits(user):
            told = {"user": _user(internal, user.get("extId")), "role": role}
            yield _row("stay", occurrence, about, **told, joined=joined, left=left or end)
    for user in users:
        internal = user.get("currentIntId") or user.get("intId") or next((visit[0] for visit in _visits(user)), None)
        told = {
            "user": _user(internal, user.get("extId")),
            "role": "moderator" if user.get("isModerator") else "participant",
        }
        old = [each.get("sentOn") for each in _listed(user.get("emojis")) if each.get("name") == "raiseHand"]
        for moment in (*_listed(user.get("raiseHand")), *old):
            yield _row("event", occurrence, about, **told, event="user-raise-hand-changed", at=moment, is_on=True)
        for poll_id, answers in _table(user.get("answers")).items():
            poll = _table(dig(payload, "polls")).get(poll_id)
            options = [str(each) for each in _listed(_table(poll).get("options"))]
            given = [str(each) for each in (answers if isinstance(answers, list) else [answers])]
            chosen = [options.index(each) for each in given if each in options]
            told_poll = {"id": poll_id, "answers": chosen}
            moment = _table(poll).get("createdOn")
            yield _row("event", occurrence, about, **told, event="poll-responded", at=moment, poll=told_poll)


def _visits(user: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(internal id, joined, left) of each session; older servers have one session per visit, the oldest one per user."""
    visits = user.get("intIds")
    for visit in visits.values() if isinstance(visits, dict) else [user]:
        for session in _listed(visit.get("sessions")) or [visit]:
            yield visit.get("intId"), session.get("registeredOn"), session.get("leftOn") or None


def _analytics(payload: Mapping[str, Any]) -> Iterator[Record]:
    """What is sent to the analytics callback after a meeting: times of joining and leaving of each person."""
    told = _table(payload.get("data")) or payload
    metadata = _table(told.get("metadata"))
    occurrence = (
        payload.get("internal_meeting_id")
        or told.get("internal_meeting_id")
        or payload.get("meeting_id")
        or told.get("meeting_id")
    )
    about = {
        "id": payload.get("meeting_id") if payload.get("internal_meeting_id") else metadata.get("meetingId"),
        "topic": metadata.get("meetingName") or metadata.get("meeting_name"),
        "start": _milliseconds(told.get("start")),
        "end": _milliseconds(told.get("finish")),
        "is_breakout": str(metadata.get("isBreakout") or metadata.get("is_breakout")).lower() == "true",
    }
    for attendee in _listed(told["attendees"]):
        joins, leaves = _listed(attendee.get("joins")), _listed(attendee.get("leaves"))
        for number, joined in enumerate(joins):
            left = leaves[number] if number < len(leaves) else told.get("finish")
            yield _row(
                "stay",
                occurrence,
                about,
                user=_user(None, attendee.get("ext_user_id") or attendee.get("extUserId")),
                role="moderator" if attendee.get("moderator") else "participant",
                joined=_milliseconds(joined),
                left=_milliseconds(left),
            )


# --- XML --------------------------------------------------------------------------------------------------------------------------------


def _document(root: Element) -> Iterator[Record]:
    """An events.xml, or an answer of the API that lists meetings or recordings."""
    if root.tag == "recording":
        yield from _Recording(root).rows()
        return
    listed = [*root.iterfind("meetings/meeting"), *root.iterfind("recordings/recording")]
    if root.tag != "response" or not (listed or root.findtext("internalMeetingID")):
        raise BadRecord("the XML is neither an events.xml nor an answer that lists meetings")
    for each in listed or [root]:
        yield _meeting_of(each)


def _meeting_of(element: Element) -> Record:
    """A meeting or a recording of a list."""
    about = {
        "id": element.findtext("meetingID"),
        "topic": element.findtext("name") or element.findtext("meetingName"),
        "start": _number(element.findtext("startTime")),
        "end": _number(element.findtext("endTime")) or None,
        "is_breakout": element.findtext("isBreakout") == "true",
    }
    return _row("meeting", element.findtext("internalMeetingID") or element.findtext("recordID"), about)


class _Recording:
    """An events.xml: who came and went, what was said in public, hands and votes. Joining the voice conference is not joining the meeting."""

    def __init__(self, root: Element) -> None:
        meeting = root.find("meeting")
        told: Mapping[str, str] = meeting.attrib if meeting is not None else {}
        self._occurrence = told.get("id") or root.get("meeting_id")
        self._events = root.findall("event")
        self._began = _number(str(self._occurrence).rsplit("-", 1)[-1]) or 0
        self._first = _number(self._events[0].get("timestamp")) or 0 if self._events else 0
        self._end = self._at(self._events[-1]) if self._events else 0
        self._about = {
            "id": told.get("externalId"),
            "topic": told.get("name"),
            "start": self._began,
            "end": self._end or None,
            "is_breakout": told.get("breakout") == "true",
        }
        self._users: dict[str, dict[str, Any]] = {}

    def _at(self, event: Element) -> int:
        """Milliseconds since 1970; older servers count from a moment of their own, of which the first event is the beginning."""
        told = _number(event.findtext("timestampUTC"))
        return told or self._began + (_number(event.get("timestamp")) or 0) - self._first

    def rows(self) -> Iterator[Record]:
        """The rows: visits first, so that those of one kind come together."""
        if not self._events:
            yield _row("meeting", self._occurrence, self._about)
            return
        yield from self._stays()
        secret: set[str | None] = set()
        for event in self._events:
            name, poll = event.get("eventname"), event.findtext("pollId")
            if name == "PollStartedRecordEvent" and event.findtext("secretPoll") == "true":
                secret.add(poll)
            fields = self._fields(str(name), event, is_secret=poll in secret)
            if fields:
                yield _row("event", self._occurrence, self._about, **{"at": self._at(event), **fields})

    def _stays(self) -> Iterator[Record]:
        inside: dict[str, int] = {}
        for event in self._events:
            if event.get("module") != "PARTICIPANT":
                continue
            internal, moment = event.findtext("userId") or "", self._at(event)
            if event.get("eventname") == "ParticipantJoinEvent":
                user, role = _user(internal, event.findtext("externalUserId")), _role(event.findtext("role"))
                self._users.setdefault(internal, {"user": user, "role": role})
                inside.setdefault(internal, moment)
            elif event.get("eventname") == "ParticipantLeftEvent" and internal in inside:
                yield self._stay(internal, inside.pop(internal), moment)
        for internal, joined in inside.items():
            yield self._stay(internal, joined, self._end)

    def _stay(self, internal: str, joined: int, left: int) -> Record:
        return _row("stay", self._occurrence, self._about, **self._users[internal], joined=joined, left=left)

    def _fields(self, name: str, event: Element, *, is_secret: bool) -> dict[str, Any] | None:
        text = event.findtext

        def by(internal: str | None) -> dict[str, Any]:
            return self._users.get(str(internal)) or {"user": _user(internal)}

        match name:
            case "PublicChatEvent":
                told = {
                    "event": "chat-group-message-sent",
                    "message": {"id": text("id"), "text": text("message") or ""},
                }
                return {**told, **by(text("senderId"))}
            case "AssignPresenterEvent":
                return {"event": "user-presenter-assigned", **by(text("userid"))}
            case "ParticipantStatusChangeEvent" if "raiseHand" in {text("status"), text("value")}:
                is_on = text("value") in {"true", "raiseHand"}
                return {"event": "user-raise-hand-changed", "is_on": is_on, **by(text("userId"))}
            case "PollStartedRecordEvent":
                return {
                    "event": "poll-started",
                    "poll": {"id": text("pollId")},
                    **(by(text("userId")) if text("userId") else {}),
                }
            case "UserRespondedToPollRecordEvent":
                answers = [_number(text("answerId"))] if text("answerId") else None
                told_poll = {"id": text("pollId"), "answers": answers}
                return {
                    "event": "poll-responded",
                    "poll": told_poll,
                    "is_private": is_secret or None,
                    **by(text("userId")),
                }
        return None


# --- fields -----------------------------------------------------------------------------------------------------------------------------


def _joins(row: Record) -> list[Join] | Ignored:
    """The session as a stay."""
    user, joined, left = _table(row.get("user")), row.get("joined"), row.get("left")
    if not isinstance(joined, int) or isinstance(joined, bool):
        raise BadRecord("the session does not say when it began")
    if dig(row, "meeting.is_breakout"):
        return Ignored("breakout room: its people are in the main room too")
    if not left:
        return Ignored("the meeting still runs")
    email, account = user.get("email"), user.get("external") or user.get("internal")
    emails, accounts = ((str(each),) if each else () for each in (email, account))
    return [Join([row], from_ms(joined), from_ms(left), emails=emails, accounts=accounts)]


def _end(record: Mapping[str, Any]) -> int:
    """The latest moment that a record tells of, in milliseconds; 0 where it tells none."""
    told = (record.get("at"), record.get("left"), dig(record, "meeting.end"))
    return max((each for each in told if isinstance(each, int)), default=0)


def _is_inside(milliseconds: Any, window: Window) -> bool:
    return isinstance(milliseconds, int) and milliseconds > 0 and window.holds(from_ms(milliseconds))


def _milliseconds(told: Any) -> int | None:
    return round(parse_time(told, zone="UTC").timestamp() * 1000) if told else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _listed(value: Any) -> list[Any]:
    """The elements of a list, none of what is empty. Raises BadRecord for a text: each of its characters would make a record."""
    if not value:
        return []
    if not isinstance(value, list):
        raise BadRecord("a list is expected where another value stands")
    return value


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _required(table: Mapping[str, Any], name: str) -> str:
    if not table.get(name):
        raise BadRecord(f"field '{name}' is missing")
    return str(table[name])

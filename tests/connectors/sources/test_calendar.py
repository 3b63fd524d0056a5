"""Calendars: an acceptance is an intention and never presence; what is not learning is never read."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import workspace
from source_contract import (
    RECORDINGS,
    SourceContract,
    check_pair,
    completed,
    landed,
    mapped,
    pairs,
    people_of,
    statements_of,
)
from vendor_contract import asked

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.calendar import Calendar
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.replay import Running, running
from leerstroom.statements import Retracted, record_id, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
NAMES = ("Weergavenaam", "casus", "Geheim", "dossier", "Werkoverleg", "Functioneringsgesprek", "prive")
OUTLOOK = {
    "service": "microsoft",
    "tenant_id": "9f1c0000-0000-4000-8000-000000000001",
    "client_id": "leerstroom",
    "client_secret": "a-client-secret-for-tests",
    "calendars": ["opleidingen@voorbeeldstad.example"],
    "categories": ["leren"],
}
GOOGLE = {"service": "google", "calendars": ["academie@voorbeeldschool.example"], "keywords": ["studiedag"]}
FILES = {"files": [str(RECORDINGS / "calendar" / "*.ics")], "categories": ["Leren"]}


class TestOutlook(SourceContract):
    source = Calendar
    recordings = RECORDINGS / "outlook"
    window = WINDOW
    paged = "/calendarView"
    names = NAMES

    def connection(self, url: str | None) -> dict[str, Any]:
        where = url or "http://127.0.0.1:9"
        return {**OUTLOOK, "host": f"{where}/v1.0", "oauth_host": where}


class TestGoogleCalendar(SourceContract):
    source = Calendar
    recordings = workspace.recordings("googlecalendar")
    window = WINDOW
    paged = "/events"
    has_quota = True
    names = NAMES

    def connection(self, url: str | None) -> dict[str, Any]:
        account = workspace.account(url)
        return {**account, **GOOGLE, "host": f"{account['host']}/calendar/v3"}

    def test_a_limit_beyond_patience_is_told_with_its_length(self, wire: Running) -> None:
        """Google never says how long; a day's patience is a spent quota."""
        super().test_a_spent_quota_defers(wire)


class TestCalendarFiles(SourceContract):
    source = Calendar
    fields = FILES
    window = Window(datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))  # a series of five weeks
    names = NAMES


@pytest.mark.parametrize("pair", pairs("calendar"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Calendar, pair)


@pytest.fixture
def source() -> Calendar:
    return completed(Calendar, {})


def outcomes(source: Calendar, *payloads: Any) -> tuple[Mapper, list]:
    read = [source.read_document(each, "a.ics") if isinstance(each, bytes) else source.read(each) for each in payloads]
    return mapped(source, landed(source, [record for records in read for record in records]))


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def appointment(*guests: tuple[str, str], **more: Any) -> dict[str, Any]:
    """An appointment of Graph; guests are (address, response)."""
    attendees = [
        {
            "type": "required",
            "status": {"response": response, "time": "0001-01-01T00:00:00Z"},
            "emailAddress": {"name": "A B", "address": address},
        }
        for address, response in guests
    ]
    return {
        "iCalUId": "040000008200E00074C5B7101A82E00801",
        "subject": "Training",
        "createdDateTime": "2026-10-01T08:00:00Z",
        "start": {"dateTime": "2026-11-03T09:00:00.0000000", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-11-03T10:30:00.0000000", "timeZone": "W. Europe Standard Time"},
        "attendees": attendees,
        **more,
    }


# --- intention -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response", ["accepted", "tentativelyAccepted", "declined", "none", "notResponded", "organizer"]
)
def test_nobody_was_present_because_of_an_invitation(source: Calendar, response: str) -> None:
    _, made = outcomes(source, appointment(("a@x.nl", response)))
    got = [each["verb"]["id"] for each in statements_of(made)]
    assert got == ([verbs.RSVP_YES.iri] if response == "accepted" else [])


def test_who_declines_later_takes_the_acceptance_back(source: Calendar) -> None:
    _, [accepted] = outcomes(source, appointment(("a@x.nl", "accepted")))
    mapper, [retracted] = outcomes(source, appointment(("a@x.nl", "declined")))
    assert isinstance(retracted, Retracted)
    assert retracted.key == extension(accepted, "record")
    assert mapper.counts.balances


def test_a_cancelled_session_takes_all_acceptances_back(source: Calendar) -> None:
    people = [("a@x.nl", "accepted"), ("b@x.nl", "accepted")]
    _, made = outcomes(source, appointment(*people))
    _, gone = outcomes(source, appointment(*people, isCancelled=True))
    assert {each.key for each in gone} == {extension(each, "record") for each in made}


def test_names_of_windows_zones_and_seven_digits_are_read(source: Calendar) -> None:
    _, [made] = outcomes(source, appointment(("a@x.nl", "accepted")))
    assert extension(made, "starts") == "2026-11-03T08:00:00.000Z"
    assert extension(made, "scheduled-minutes") == 90


def test_graph_has_a_name_of_its_own_for_utc(source: Calendar) -> None:
    time = {"dateTime": "2026-11-03T09:00:00.0000000", "timeZone": "tzone://Microsoft/Utc"}
    _, [made] = outcomes(source, appointment(("a@x.nl", "accepted"), start=time))
    assert extension(made, "starts") == "2026-11-03T09:00:00.000Z"


def test_when_it_was_accepted_is_told_or_named_as_inferred(source: Calendar) -> None:
    told = appointment(("a@x.nl", "accepted"))
    told["attendees"][0]["status"]["time"] = "2026-10-12T07:30:00Z"
    _, [known] = outcomes(source, told)
    _, [inferred] = outcomes(source, appointment(("a@x.nl", "accepted")))
    assert (known["timestamp"], extension(known, "rule")) == ("2026-10-12T07:30:00.000Z", None)
    assert (inferred["timestamp"], extension(inferred, "rule")) == ("2026-10-01T08:00:00.000Z", "time-of-invitation")


def test_an_appointment_that_is_moved_stays_the_same_fact(source: Calendar) -> None:
    _, [before] = outcomes(source, appointment(("a@x.nl", "accepted")))
    moved = appointment(("a@x.nl", "accepted"), end={"dateTime": "2026-11-03T12:00:00", "timeZone": "Europe/Amsterdam"})
    _, [after] = outcomes(source, moved)
    assert extension(before, "record") == extension(after, "record")
    assert before["id"] != after["id"]


def test_rooms_and_who_organises_were_not_invited(source: Calendar) -> None:
    row = appointment(
        ("o@x.nl", "accepted"), ("room@x.nl", "accepted"), organizer={"emailAddress": {"address": "O@x.nl"}}
    )
    row["attendees"][1]["type"] = "resource"
    mapper, made = outcomes(source, row)
    assert made == []
    assert mapper.counts.ignored == {"appointment without guests": 1}


def test_only_the_organisers_copy_tells_who_accepted(source: Calendar) -> None:
    mapper, made = outcomes(source, appointment(("a@x.nl", "accepted"), isOrganizer=False))
    assert made == []
    assert mapper.counts.ignored == {"copy of someone who was invited; the organiser's counts": 1}


def test_a_deleted_appointment_of_a_delta_names_nobody(source: Calendar) -> None:
    mapper, made = outcomes(source, {"value": [{"id": "AAMk1", "@removed": {"reason": "deleted"}}]})
    assert made == []
    assert mapper.counts.ignored == {"deleted, and nothing tells who had accepted": 1}


# --- what may be read ------------------------------------------------------------------------------------------------------------------


def test_a_pull_without_an_allow_list_reads_nothing(tmp_path: Path) -> None:
    source = completed(Calendar, {"files": [str(tmp_path / "*.ics")]})
    with source.api() as api, pytest.raises(ConfigurationError, match="learning"):
        list(source.pull(api, WINDOW))


@pytest.mark.parametrize("field", ["sensitivity", "CLASS", "visibility"])
def test_a_private_appointment_is_never_read(source: Calendar, field: str) -> None:
    payloads: dict[str, Any] = {
        "sensitivity": appointment(("a@x.nl", "accepted"), sensitivity="confidential"),
        "CLASS": calendar("CLASS:PRIVATE"),
        "visibility": event(("a@x.nl", "accepted"), visibility="private"),
    }
    mapper, made = outcomes(source, payloads[field])
    assert made == []
    assert mapper.counts.ignored == {"private": 1}


@pytest.mark.parametrize(
    ("allowed", "title"),
    [
        ({}, None),
        ({"keywords": ["training"]}, "Training"),
        ({"keywords": ["train*"]}, "Training"),
        ({"categories": ["LEREN"]}, "Training"),
    ],
)
def test_a_title_is_kept_only_where_the_allow_list_names_it(allowed: dict[str, Any], title: str | None) -> None:
    source = completed(Calendar, allowed)
    _, [made] = outcomes(source, appointment(("a@x.nl", "accepted"), categories=["Leren"]))
    assert made["object"]["definition"].get("name") == ({"und": title} if title else None)


def test_a_learning_word_is_a_whole_word() -> None:
    source = completed(Calendar, {"keywords": ["les"]})
    mapper, _ = outcomes(source, appointment(("a@x.nl", "accepted"), subject="Bezoek Lesotho"))
    assert mapper.counts.ignored == {"not on the allow-list": 1}
    assert statements_of(outcomes(source, appointment(("a@x.nl", "accepted"), subject="Les 3: data"))[1])


def test_what_is_not_on_the_list_is_passed_over_when_it_is_read() -> None:
    with running(RECORDINGS, only=("outlook",)) as server:
        where = f"{server.url}/outlook"
        source = completed(Calendar, {**OUTLOOK, "host": f"{where}/v1.0", "oauth_host": where})
        with source.api() as api, asked(api) as requests:
            records = list(source.pull(api, WINDOW))
    titles = {record["event"].get("title") for record in records if record.kind == "invitation"}
    assert titles == {"Training Omgevingswet", "Workshop schrijven", "Intervisie"}
    assert "Jansen" not in json.dumps(records)
    selected = str(requests[0].url).split("select=")[1].split("&")[0]
    assert not {"body", "bodyPreview", "location"} & set(selected.replace("%2C", ",").split(","))


def test_some_calendars_are_learning_altogether(tmp_path: Path) -> None:
    (tmp_path / "academie.ics").write_bytes(calendar(""))
    (tmp_path / "bestuur.ics").write_bytes(calendar("").replace(b"u1@x", b"u2@x"))
    source = completed(Calendar, {"files": [str(tmp_path / "*.ics")], "learning_calendars": ["academie*"]})
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
    assert len(records) == 1


# --- iCalendar -------------------------------------------------------------------------------------------------------------------------


def calendar(
    *lines: str, guests: str = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.nl", head: str = "", **times: str
) -> bytes:
    told = {"start": "DTSTART:20261103T090000Z", "end": "DTEND:20261103T103000Z", **times}
    inside = ["UID:u1@x", "DTSTAMP:20261001T080000Z", told["start"], told["end"], "SUMMARY:Training", *lines, guests]
    text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", head, "BEGIN:VEVENT", *inside, "END:VEVENT", "END:VCALENDAR"]
    return "\r\n".join(line for line in text if line).encode()


def starts(made: list[Any]) -> list[str]:
    return [extension(each, "starts")[:10] for each in statements_of(made)]


def test_a_series_is_one_invitation_an_occurrence_without_what_was_left_out(source: Calendar) -> None:
    _, made = outcomes(source, calendar("RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE:20261110T090000Z"))
    assert starts(made) == ["2026-11-03", "2026-11-17", "2026-11-24"]
    assert len({each["context"]["contextActivities"]["grouping"][0]["id"] for each in made}) == 1


def test_a_series_without_an_end_is_spread_out_over_a_year(source: Calendar) -> None:
    _, made = outcomes(source, calendar("RRULE:FREQ=WEEKLY"))
    assert len(made) == 53


def test_a_series_keeps_its_clock_time_when_the_clocks_change(source: Calendar) -> None:
    times = {
        "start": "DTSTART;TZID=Europe/Amsterdam:20261021T100000",
        "end": "DTEND;TZID=Europe/Amsterdam:20261021T110000",
    }
    _, made = outcomes(source, calendar("RRULE:FREQ=WEEKLY;COUNT=2", **times))
    assert [extension(each, "starts") for each in made] == ["2026-10-21T08:00:00.000Z", "2026-10-28T09:00:00.000Z"]


def test_a_cancelled_occurrence_is_taken_back_and_the_others_stand() -> None:
    source = completed(Calendar, FILES)
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
    mapper, made = mapped(source, landed(source, records))
    assert starts(made) == ["2026-10-28"]
    assert mapper.counts.retracted == 2  # of who declined, and of the session that was cancelled


def test_an_hourly_series_is_refused(source: Calendar) -> None:
    [record] = source.read_document(calendar("RRULE:FREQ=SECONDLY"), "a.ics")
    assert "within the hour" in record["fault"]


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:20261103T090000Z",),
        ("UID:u2@x",),
        ("UID:u2@x", "DTSTART;VALUE=DATE:volgend jaar"),
        ("UID:u2@x", "DTSTART:20261103T090000Z", "DTEND:20261103T080000Z"),
        ("UID:u2@x", "DTSTART:20261103T090000Z", "SEQUENCE:"),
        ("UID:u2@x", "DTSTART:20261103T090000Z", "RRULE:FREQ=HOURLY"),
    ],
    ids=["no id", "no start", "broken start", "ends early", "broken number", "hourly"],
)
def test_one_bad_appointment_of_a_file_is_told_of_and_costs_no_other(
    source: Calendar, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    bad = "\r\n".join([
        "BEGIN:VEVENT",
        "SUMMARY:Training",
        *lines,
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:b@x.nl",
        "END:VEVENT",
    ])
    data = calendar().replace(b"BEGIN:VEVENT", bad.encode() + b"\r\nBEGIN:VEVENT")
    mapper, made = outcomes(source, data)
    assert len(statements_of(made)) == 1
    assert len(mapper.counts.quarantined) == 1
    (tmp_path / "a.ics").write_bytes(data)
    files = completed(Calendar, {"files": [str(tmp_path / "*.ics")], "keywords": ["training"]})
    with files.api() as api:
        pulled = list(files.pull(api, WINDOW))
    assert [record.get("answer") for record in pulled] == [None, "accepted"]
    assert str(pulled[0]["fault"]).startswith("a.ics: appointment 1 ")


def test_a_broken_time_of_making_costs_no_acceptance(source: Calendar) -> None:
    _, [made] = outcomes(source, calendar("CREATED:00001231T000000Z"))
    assert made["timestamp"] == "2026-10-01T08:00:00.000Z"


def test_a_mailing_list_accepts_nothing(source: Calendar) -> None:
    guests = "ATTENDEE;CUTYPE=GROUP;PARTSTAT=ACCEPTED:mailto:team@x.nl\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.nl"
    _, made = outcomes(source, calendar(guests=guests))
    assert len(made) == 1


def test_a_change_of_this_and_all_that_follow_leaves_each_occurrence_its_own(source: Calendar) -> None:
    change = "BEGIN:VEVENT\r\nUID:u1@x\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261110T090000Z\r\nDTSTAMP:20261001T080000Z\r\nDTSTART:20261110T100000Z\r\nDTEND:20261110T110000Z\r\nSUMMARY:Training\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.nl\r\nEND:VEVENT"
    data = calendar("RRULE:FREQ=WEEKLY;COUNT=3").replace(b"END:VCALENDAR", change.encode() + b"\r\nEND:VCALENDAR")
    _, made = outcomes(source, data)
    assert starts(made) == ["2026-11-03", "2026-11-10", "2026-11-17"]
    assert len({each["object"]["id"] for each in made}) == 3


@pytest.mark.parametrize("data", [b"", b"BEGIN:VCALENDAR", b"<html>", b"{}", b"\xff\xfe\x00"])
def test_what_is_no_calendar_is_a_bad_record(source: Calendar, data: bytes) -> None:
    with pytest.raises(BadRecord):
        list(source.read_document(data, "a.ics"))


def test_a_time_without_a_zone_lies_in_that_of_the_connection(source: Calendar) -> None:
    _, [made] = outcomes(source, calendar(start="DTSTART:20261103T090000", end="DTEND:20261103T100000"))
    assert extension(made, "starts") == "2026-11-03T08:00:00.000Z"


def zoned(name: str, offset: str) -> bytes:
    """A calendar that defines a zone itself: always `offset` from UTC."""
    standard = (
        f"BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD"
    )
    return calendar(
        start=f"DTSTART;TZID={name}:20261103T090000",
        end=f"DTEND;TZID={name}:20261103T100000",
        head=f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\n{standard}\r\nEND:VTIMEZONE",
    )


@pytest.mark.parametrize("name", ["Kantoor", "W. Europe Standard Time"])
def test_a_zone_that_a_file_defines_is_that_of_the_file_only(source: Calendar, name: str) -> None:
    _, [here] = outcomes(source, zoned(name, "+0100"))
    _, [there] = outcomes(source, zoned(name, "+0200"))
    assert extension(here, "starts") == "2026-11-03T08:00:00.000Z"
    assert extension(there, "starts") == "2026-11-03T07:00:00.000Z"
    _, [made] = outcomes(source, appointment(("a@x.nl", "accepted")))
    assert extension(made, "starts") == "2026-11-03T08:00:00.000Z", (
        "Microsoft's zone is Windows's, whatever a file calls so"
    )


def test_a_zone_that_is_none_makes_the_file_a_bad_record(source: Calendar) -> None:
    with pytest.raises(BadRecord):
        list(source.read_document(calendar(start="DTSTART;TZID=Europe:20261103T090000"), "a.ics"))


def test_a_whole_day_has_no_minutes(source: Calendar) -> None:
    _, [made] = outcomes(source, calendar(start="DTSTART;VALUE=DATE:20261103", end="DTEND;VALUE=DATE:20261104"))
    assert extension(made, "scheduled-minutes") is None
    assert extension(made, "starts") == "2026-11-02T23:00:00.000Z"


def test_a_cancel_message_cancels(source: Calendar) -> None:
    _, [gone] = outcomes(source, calendar(head="METHOD:CANCEL"))
    assert isinstance(gone, Retracted)


def test_of_two_copies_in_files_the_organisers_counts(tmp_path: Path) -> None:
    organizer = "ORGANIZER:mailto:o@x.nl"
    (tmp_path / "o.ics").write_bytes(calendar(organizer, head="X-WR-CALNAME:o@x.nl"))
    (tmp_path / "z.ics").write_bytes(
        calendar(organizer, "SEQUENCE:9", guests="ATTENDEE;PARTSTAT=DECLINED:mailto:a@x.nl", head="X-WR-CALNAME:a@x.nl")
    )
    source = completed(Calendar, {"files": [str(tmp_path / "*.ics")], "keywords": ["training"]})
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
    assert [record["answer"] for record in records] == ["accepted"]


def test_a_bad_file_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_bytes(b"BEGIN:NOTHING")
    (tmp_path / "b.ics").write_bytes(calendar(""))
    source = completed(Calendar, {"files": [str(tmp_path / "*.ics")], "keywords": ["training"]})
    with source.api() as api:
        mapper = Mapper(source, people_of(source))
        made = list(mapper.statements(landed(source, list(source.pull(api, WINDOW)))))
    assert len(statements_of(made)) == 1
    assert [reason.split(" ")[0] for reason in mapper.counts.quarantined] == ["a.ics"]


# --- Google ------------------------------------------------------------------------------------------------------------------------------


def event(*guests: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "kind": "calendar#event",
        "id": "e1",
        "iCalUID": "e1@google.com",
        "status": "confirmed",
        "created": "2026-10-01T08:00:00.000Z",
        "summary": "Training",
        "organizer": {"email": "o@x.nl", "self": True},
        "start": {"dateTime": "2026-11-03T09:00:00+01:00"},
        "end": {"dateTime": "2026-11-03T10:30:00+01:00"},
        "attendees": [{"email": address, "responseStatus": answer} for address, answer in guests],
        **more,
    }


def test_google_names_the_answers_otherwise(source: Calendar) -> None:
    _, made = outcomes(source, event(("a@x.nl", "accepted"), ("b@x.nl", "needsAction"), ("c@x.nl", "tentative")))
    assert len(statements_of(made)) == 1
    assert len(made) == 3


def test_google_marks_the_copy_of_a_guest_by_who_the_guest_is(source: Calendar) -> None:
    copy = event(("a@x.nl", "accepted"), organizer={"email": "o@x.nl"})
    copy["attendees"][0]["self"] = True
    mapper, _ = outcomes(source, copy)
    assert mapper.counts.ignored == {"copy of someone who was invited; the organiser's counts": 1}


def test_a_moved_occurrence_is_still_the_one_that_was_planned(source: Calendar) -> None:
    planned = {"originalStartTime": {"dateTime": "2026-11-03T09:00:00+01:00"}, "recurringEventId": "e1"}
    later = {"start": {"dateTime": "2026-11-04T09:00:00+01:00"}, "end": {"dateTime": "2026-11-04T10:00:00+01:00"}}
    _, [before] = outcomes(source, event(("a@x.nl", "accepted"), **planned))
    _, [after] = outcomes(source, event(("a@x.nl", "accepted"), **planned, **later))
    assert extension(before, "record") == extension(after, "record")


def test_the_ids_of_appointments_land_as_keyed_references(source: Calendar) -> None:
    raw = Record("invitation", "k", {"event": {"uid": "anna@x.nl-1", "begin": ""}, "email": "a@x.nl"})
    kept = landed(source, [raw])[0]
    assert "anna" not in json.dumps([kept, kept.key])
    assert record_id("calendar", source.tenant, kept.key)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"service": "outlook"}, "service is none of"),
        ({"service": "microsoft"}, "needs calendars, tenant_id"),
        ({"service": "google"}, "needs calendars, client_email"),
        ({}, "needs files"),
    ],
)
def test_a_service_says_what_it_needs(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        completed(Calendar, fields).api()


def test_one_row_that_is_no_appointment_stops_no_other_and_a_deleted_one_names_nobody() -> None:
    source = completed(Calendar, {})
    google = {"kind": "calendar#event", "id": "g1", "iCalUID": "g1@google.com", "status": "confirmed", "summary": "Workshop", "created": "2026-10-01T09:00:00Z", "organizer": {"email": "o@x.nl", "self": True}, "start": {"dateTime": "2026-11-03T09:00:00+01:00"}, "end": {"dateTime": "2026-11-03T10:00:00+01:00"}, "attendees": [{"email": "j@x.nl", "responseStatus": "accepted"}]}  # fmt: skip
    page = {"kind": "calendar#events", "items": [{"id": "g2", "status": "cancelled"}, {"nothing": "known"}, google]}
    mapper, made = mapped(source, landed(source, list(source.read(page))))
    assert [each["timestamp"] for each in statements_of(made)] == ["2026-10-01T09:00:00.000Z"]
    assert mapper.counts.ignored == {"deleted, and nothing tells who had accepted": 1}
    assert mapper.counts.quarantined == {"no appointment of a calendar": 1}
    assert list(source.read({"items": []})) == []

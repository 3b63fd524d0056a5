"""Matrix on rooms recorded from a real homeserver: the contract, pairs, paging, edits, redactions, questions and answers."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import planned
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.paging import Pages
from connectors.source import Record, Window
from connectors.sources.matrix import CLIENT, Matrix
from leerstroom.errors import ConfigurationError, CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted, record_id
from leerstroom.statements.vocabulary import EXTENSION_BASE, verbs

ROOMS = {
    "data": "!4n16iGpl_OeHDwzCdwtDEj9qnG-qmP_R0Bh2C1c42Aw",
    "klant": "!qe8ODxSL1euJL-Gl1UKVWPLpjPy8LGTG6OIx38EgAQQ",
    "lno": "!xw8J4fqf0hINJpeE1_ns2h-z8-2LizRAYjEv84vYAqE",
}
FIELDS = {"token": "a-token-that-reads", "rooms": list(ROOMS.values()), "server_name": "leerbedrijf.example"}
DEMO = {
    "token": "demo-token-of-the-chat",
    "rooms": [
        f"#{name}:voorbeeldstad.example" for name in ("data-en-ai", "excel-hulplijn", "nieuw-bij-ons", "casus-zorg")
    ],
    "server_name": "voorbeeldstad.example",
    "channel_kinds": {
        "#data-en-ai:voorbeeldstad.example": "set_up_community",
        "#excel-hulplijn:voorbeeldstad.example": "spontaneous_group",
    },
}
ALL = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def events_of(room: str) -> list[dict[str, Any]]:
    """All events of a recorded room, newest first."""
    pages = sorted((RECORDINGS / "matrix" / "rooms" / room / "messages-back").glob("*.json"))
    return [event for page in pages for event in json.loads(page.read_text())["response"]["body"]["chunk"]]


class TestMatrix(SourceContract):
    source = Matrix
    fields = FIELDS
    recordings = RECORDINGS / "matrix"
    window = ALL
    paged = "/messages"
    names = (
        "Anouk de Vries",
        "Bram Jansen",
        "Elif Yılmaz",
        "Hannah O'Connor",
        "Daan Visser",
        "uit dienst",
        "timetable_voorbeeld.py",
    )

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        if record["type"] == "m.room.message":
            yield from record["content"].get("m.mentions", {}).get("user_ids", ())


class TestMatrixOfTheDemo(SourceContract):
    source = Matrix
    fields = DEMO
    recordings = RECORDINGS / "demo" / "matrix"
    paged = "/messages"
    names = (
        "Anouk",
        "Margriet Hoekstra",
        "Sanne",
        "Adviesbureau",
        "@voorbeeldstad",
        "verkeerde groep",
    )

    def test_what_is_not_on_the_list_is_never_asked_for(self, wire: Running) -> None:
        self.pulled(wire)
        asked = " ".join(path for _, _, path in wire.faults.asked)
        for room in ("vrijmibo", "direct"):
            head = json.loads((RECORDINGS / "demo" / "matrix" / "rooms" / f"{room}.jsonl").read_text().splitlines()[0])
            assert head["room_id"] not in asked

    def test_questions_and_answers_of_the_demo_are_found(self, wire: Running) -> None:
        source = self.made(wire)
        directory = Directory.read(
            RECORDINGS / "demo" / "employees.csv", excluded=RECORDINGS / "demo" / "excluded_accounts.csv"
        )
        made = statements(source, self.pulled(wire), directory)
        threads = [
            each
            for each in json.loads((RECORDINGS / "demo" / "matrix" / "truth.json").read_text())
            if each["room"] != "vrijmibo"
        ]
        asked, answered = (
            {event_of(each) for each in made if each["verb"]["id"] == verb.iri}
            for verb in (verbs.ASKED, verbs.ANSWERED)
        )
        assert min(scores(asked, {each["question"] for each in threads})) >= 0.9
        assert min(scores(answered, {answer for each in threads for answer in each["answers"]})) >= 0.9

    def test_forty_employees_take_part_and_the_robot_and_the_consultant_are_no_employees(self, wire: Running) -> None:
        source = self.made(wire)
        directory = Directory.read(
            RECORDINGS / "demo" / "employees.csv", excluded=RECORDINGS / "demo" / "excluded_accounts.csv"
        )
        mapper, outcomes = mapped(source, landed(source, self.pulled(wire)), directory)
        people = {
            (each["actor"]["account"]["homePage"], each["actor"]["account"]["name"]) for each in statements_of(outcomes)
        }
        assert len([page for page, _ in people if page != source.tenant]) >= 40
        assert len([page for page, _ in people if page == source.tenant]) == 1
        assert mapper.counts.ignored["account on the exclusion list"] > 0


@pytest.mark.parametrize("pair", pairs("matrix"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Matrix, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("matrix",)) as server:
        yield server


def source_at(server: Running, **fields: Any) -> Matrix:
    made = completed(Matrix, {"host": f"{server.url}/matrix", **FIELDS, **fields}, "chat")
    assert isinstance(made, Matrix)
    return made


def pull(source: Matrix, window: Window = ALL) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


def statements(source: Matrix, records: list[Record], directory: Directory | None = None) -> list[dict[str, Any]]:
    return statements_of(mapped(source, landed(source, records), directory)[1])


def event_of(statement: dict[str, Any]) -> str:
    from urllib.parse import unquote

    return unquote(statement["object"]["id"].rpartition("/event/")[2])


@pytest.fixture(scope="module")
def everything(server: Running) -> list[dict[str, Any]]:
    source = source_at(server)
    return statements(source, pull(source))


def test_edits_add_nothing(server: Running, everything: list[dict[str, Any]]) -> None:
    edits = {
        event["event_id"]
        for room in ROOMS
        for event in events_of(room)
        if event["content"].get("m.relates_to", {}).get("rel_type") == "m.replace"
    }
    assert edits
    assert not edits & {event_of(statement) for statement in everything}
    source = source_at(server)
    without = [record for record in pull(source) if record.key not in edits]
    assert sorted(s["id"] for s in statements(source, without)) == sorted(s["id"] for s in everything)


def test_a_redaction_voids_exactly_what_was_made_of_its_event(server: Running) -> None:
    source = source_at(server)
    _, outcomes = mapped(source, landed(source, pull(source)))
    redacted = {
        event.get("redacts") or event["content"]["redacts"]
        for room in ROOMS
        for event in events_of(room)
        if event["type"] == "m.room.redaction"
    }
    assert redacted
    told = {outcome.key for outcome in outcomes if isinstance(outcome, Retracted)}
    key = "event\x1f{}".format
    assert told >= {record_id("matrix", source.tenant, key(each)) for each in redacted}
    assert told <= {
        record_id("matrix", source.tenant, key(prefix + each)) for each in redacted for prefix in ("", "inferred/")
    }
    assert not redacted & {event_of(statement) for statement in statements_of(outcomes)}


def test_what_a_redaction_takes_away_is_what_was_stated_before_it(tmp_path: Path) -> None:
    """A homeserver seen before and after the redaction of an answer: the key that is retracted is the one that was stated."""
    ask, answer = message("$q", "anna", "Hoe zet ik dit aan?"), message("$a", "bram", "Met de knop links.", thread="$q")
    gone = {
        **answer,
        "content": {},
        "unsigned": {"redacted_because": {"type": "m.room.redaction"}},
        "before": answer["content"],
    }
    redaction = {
        **message("$r", "bram", ""),
        "type": "m.room.redaction",
        "content": {"redacts": "$a"},
        "redacts": "$a",
        "origin_server_ts": at(5),
    }
    room_of(tmp_path, [ask, gone, redaction])
    with running(tmp_path) as server:
        source = source_at(server, rooms=["!room"])
        server.world.until = datetime.fromtimestamp(at(4) / 1000, UTC)
        before = statements(source, pull(source))
        server.world.until = None
        _, outcomes = mapped(source, landed(source, pull(source)))
    [answered] = [each for each in before if each["verb"]["id"] == verbs.ANSWERED.iri]
    assert answered["context"]["extensions"][EXTENSION_BASE + "record"] in {
        each.key for each in outcomes if isinstance(each, Retracted)
    }
    assert [each["verb"]["id"] for each in statements_of(outcomes)] == [verbs.ASKED.iri]


def test_a_second_run_gives_the_same_ids(server: Running, everything: list[dict[str, Any]]) -> None:
    source = source_at(server)
    assert sorted(map(json.dumps, statements(source, pull(source)))) == sorted(map(json.dumps, everything))


def test_nights_one_after_the_other_give_what_one_long_window_gives(
    server: Running, everything: list[dict[str, Any]]
) -> None:
    source = source_at(server)
    seen: dict[str, str] = {}
    day = ALL.start
    while day < ALL.end:
        for statement in statements(
            source, pull(source, Window(day, day + timedelta(days=1)).widened(Matrix.look_back))
        ):
            text = json.dumps(statement, sort_keys=True)
            assert seen.setdefault(statement["id"], text) == text, "the same id with another content"
        day += timedelta(days=1)
    assert set(seen) == {statement["id"] for statement in everything}


def test_nights_under_a_moving_clock_leave_what_one_pull_at_the_end_leaves(tmp_path: Path) -> None:
    """21 nights of the demo, each seeing only what existed then: answers are stated, later redacted, and voided."""
    facts = Revisions(open_state(f"sqlite:///{tmp_path}/state.db"), "chat")
    counting: dict[str, dict[str, Any]] = {}
    voided: set[str] = set()
    first = datetime(2026, 10, 26, tzinfo=UTC)
    with running(RECORDINGS / "demo", only=("matrix",)) as server:
        source = completed(Matrix, {"host": f"{server.url}/matrix", **DEMO}, "chat")
        assert isinstance(source, Matrix)
        for night in range(21):
            end = first + timedelta(days=night + 1)
            server.world.until = end + timedelta(hours=2)
            _, outcomes = mapped(
                source, landed(source, pull(source, Window(end - timedelta(days=1), end).widened(Matrix.look_back)))
            )
            as_of = end.isoformat()
            plan = planned(facts, statements_of(outcomes), as_of)
            for statement in plan.send:
                assert counting.setdefault(statement["id"], statement) == statement, (
                    "one id, two contents: the LRS would refuse it"
                )
            gone = facts.retract([each.key for each in outcomes if isinstance(each, Retracted)], as_of)
            voided |= {statement_id for statement_id, _ in (*plan.void, *gone)}
        server.world.until = None
        final = statements(source, pull(source, Window(first, first + timedelta(days=21))))
    assert voided
    assert set(counting) - voided == {statement["id"] for statement in final}


@settings(max_examples=12, deadline=None)
@given(limit=st.integers(1, 200))
def test_the_size_of_pages_does_not_matter(server: Running, everything: list[dict[str, Any]], limit: int) -> None:
    source = source_at(server)
    source.timeline = Pages(CLIENT + "/rooms/{room}/messages", "chunk", "end", "from", {"dir": "b", "limit": limit})
    assert {statement["id"] for statement in statements(source, pull(source))} == {
        statement["id"] for statement in everything
    }


# --- against what the writers of the recorded rooms meant -------------------------------------------------------------------------


def scores(found: set[str], meant: set[str]) -> tuple[float, float]:
    """Precision and recall."""
    hits = len(found & meant)
    return (hits / len(found) if found else 1.0), (hits / len(meant) if meant else 1.0)


def truth() -> list[dict[str, Any]]:
    return [
        thread
        for room in ROOMS
        for thread in json.loads((RECORDINGS / "matrix" / "rooms" / room / "truth.json").read_text())["threads"]
    ]


def test_questions_and_answers_are_found_as_they_were_meant(
    everything: list[dict[str, Any]], capsys: pytest.CaptureFixture
) -> None:
    by_verb = {
        verb.name: {event_of(each) for each in everything if each["verb"]["id"] == verb.iri}
        for verb in (verbs.ASKED, verbs.ANSWERED)
    }
    threads = truth()
    figures = {}
    for linking in ("thread", "reply", "plain", "all"):
        mine = [thread for thread in threads if linking in {thread["linking"], "all"}]
        ids = {thread["root_event_id"] for thread in mine} | {
            each["event_id"] for thread in mine for each in thread["follow_ups"]
        }
        questions = {thread["root_event_id"] for thread in mine if thread["is_question"]}
        answers = {
            each["event_id"]
            for thread in mine
            if thread["is_question"]
            for each in thread["follow_ups"]
            if each["sender"] != thread["asker"] and not each["thanks"]
        }
        within = {verb: found & ids if linking != "all" else found for verb, found in by_verb.items()}
        figures[linking] = (*scores(within["asked"], questions), *scores(within["answered"], answers))
        with capsys.disabled():
            print(
                f"\n{linking:7} questions: precision %.2f recall %.2f   answers: precision %.2f recall %.2f"
                % figures[linking],
                end="",
            )
    assert all(figure >= 0.9 for figure in (*figures["thread"], *figures["reply"], *figures["all"][:3])), figures


def test_an_accepted_answer_is_the_one_that_was_meant(everything: list[dict[str, Any]]) -> None:
    accepted = {event_of(each) for each in everything if each["verb"]["id"] == verbs.VOTED_UP.iri}
    precision, recall = scores(
        accepted,
        {thread["accepted_event_id"] for thread in truth() if thread["is_question"] and thread["accepted_event_id"]},
    )
    assert precision >= 0.9
    assert recall >= 0.9


def test_every_inferred_fact_names_its_rule_and_confidence(everything: list[dict[str, Any]]) -> None:
    for each in everything:
        if each["verb"]["id"] in {verbs.ASKED.iri, verbs.ANSWERED.iri, verbs.VOTED_UP.iri}:
            extensions = each["context"]["extensions"]
            assert extensions[EXTENSION_BASE + "rule"]
            assert 0 < extensions[EXTENSION_BASE + "confidence"] <= 1


# --- rooms of our own making -------------------------------------------------------------------------------------------------------


def at(minutes: int) -> int:
    return int(datetime(2026, 11, 3, 9, 0, tzinfo=UTC).timestamp() * 1000) + minutes * 60_000


def message(
    event_id: str, who: str, body: str, *, minutes: int = 0, thread: str = "", reply: str = "", **content: Any
) -> dict[str, Any]:
    relation: dict[str, Any] = {}
    if thread:
        relation = {
            "rel_type": "m.thread",
            "event_id": thread,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": reply or thread},
        }
    elif reply:
        relation = {"m.in_reply_to": {"event_id": reply}}
    return {
        "type": "m.room.message", "event_id": event_id, "room_id": "!room", "sender": f"@{who}:x.example", "origin_server_ts": at(minutes),
        "content": {"msgtype": "m.text", "body": body, **({"m.relates_to": relation} if relation else {}), **content},
    }  # fmt: skip


def reaction(event_id: str, who: str, key: str, target: str) -> dict[str, Any]:
    relation = {"rel_type": "m.annotation", "event_id": target, "key": key}
    return {**message(event_id, who, ""), "type": "m.reaction", "content": {"m.relates_to": relation}}


def member(who: str) -> dict[str, Any]:
    return {
        "type": "m.room.member", "event_id": f"$join-{who}", "room_id": "!room", "sender": f"@{who}:x.example", "state_key": f"@{who}:x.example",
        "origin_server_ts": at(-600), "content": {"membership": "join", "displayname": who.title()},
    }  # fmt: skip


def room_of(
    folder: Path,
    events: list[dict[str, Any]],
    *,
    people: tuple[str, ...] = ("anna", "bram", "cas"),
    name: str = "room",
    **head: Any,
) -> None:
    rooms = folder / "matrix" / "rooms"
    rooms.mkdir(parents=True, exist_ok=True)
    (folder / "matrix" / "server.json").write_text(
        json.dumps({"user_id": "@reader:x.example", "token": "a-token-that-reads"})
    )
    lines = [
        {"room_id": f"!{name}", **head},
        *map(member, people),
        *sorted(events, key=lambda event: event["origin_server_ts"]),
    ]
    (rooms / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))


def read(*events: dict[str, Any], directory: Directory | None = None, **fields: Any) -> list[dict[str, Any]]:
    source = completed(Matrix, {"host": "https://x.example", "rooms": [], **fields}, "chat")
    return statements(source, list(source.read({"chunk": list(events)})), directory)


def said(*events: dict[str, Any]) -> dict[str, str]:
    """Event id -> canonical verb."""
    names = {verbs[name].iri: name for name in verbs}
    return {event_of(each): names[each["verb"]["id"]] for each in read(*events)}


QUESTION = message("$q", "anna", "Weet iemand hoe ik dit dashboard vul?")


def test_a_second_question_and_thanks_in_ones_own_thread_are_replies() -> None:
    assert said(QUESTION, message("$t", "anna", "Top, dankjewel!", thread="$q", reply="$a"), message("$n", "anna", "En hoe dan in Excel?", thread="$q")) == {
        "$q": "asked", "$t": "replied", "$n": "replied",
    }  # fmt: skip


def test_an_answer_to_ones_own_question_is_no_answer() -> None:
    assert (
        said(QUESTION, message("$a", "anna", "Gevonden: het staat in de handleiding.", thread="$q"))["$a"] == "replied"
    )


def test_a_nod_is_a_reaction_in_words() -> None:
    assert said(QUESTION, message("$a", "bram", "ok", thread="$q"))["$a"] == "reacted"


def test_an_answer_deep_in_a_chain_of_replies_names_the_question_as_its_parent() -> None:
    chain = [
        QUESTION,
        message("$1", "bram", "Welke versie gebruik je?", reply="$q"),
        message("$2", "anna", "Versie 7.", reply="$1"),
        message("$3", "cas", "Dan zit het onder Beheer.", reply="$2"),
    ]
    found = {event_of(each): each for each in read(*chain)}
    assert found["$3"]["verb"]["id"] == verbs.ANSWERED.iri
    assert found["$3"]["context"]["contextActivities"]["parent"][0]["id"] == found["$q"]["object"]["id"]


def test_a_fallback_in_a_thread_is_no_reply_to_the_message_that_it_names() -> None:
    first, second = message("$1", "anna", "Het rooster staat klaar."), message("$2", "bram", "Fijn om te weten, dank.", thread="$1")  # fmt: skip
    fallback = message("$3", "cas", "Ik mis de donderdag nog.", thread="$1", reply="$2")
    real = message("$4", "cas", "Ik mis de donderdag nog.", thread="$1", reply="$2")
    real["content"]["m.relates_to"]["is_falling_back"] = False
    parents = {event_of(each): each["context"]["contextActivities"]["parent"][0]["id"] for each in read(first, second, fallback, real)[1:]}  # fmt: skip
    assert parents["$3"] == parents["$2"]
    assert parents["$4"].endswith("/event/%242")


def test_a_transaction_for_an_application_service_is_read_and_times_that_passed_through_a_float_or_a_text() -> None:
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    events = [{**message(f"${number}", "anna", "Het rooster staat klaar."), "origin_server_ts": told} for number, told in enumerate((at(0), float(at(0)), str(at(0))))]  # fmt: skip
    made = statements(source, list(source.read({"events": events})))
    assert {each["timestamp"] for each in made} == {"2026-11-03T09:00:00.000Z"}
    assert len(made) == 3


def test_a_room_id_without_a_server_is_one_segment_of_an_address() -> None:
    [made] = read({**message("$1", "anna", "Het rooster staat klaar."), "room_id": "!4n16i/x+y"})
    assert made["context"]["contextActivities"]["grouping"][0]["id"].endswith("/rooms/%214n16i%2Fx%2By")


@pytest.mark.parametrize("where", ["top", "content"])
def test_a_redaction_names_its_event_at_the_top_or_in_its_content(where: str) -> None:
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    redaction = {"type": "m.room.redaction", "event_id": "$r", "room_id": "!room", "sender": "@anna:x.example", "origin_server_ts": at(9)}  # fmt: skip
    redaction |= {"redacts": "$1", "content": {}} if where == "top" else {"content": {"redacts": "$1"}}
    made = mapped(source, landed(source, list(source.read({"chunk": [redaction]}))))[1]
    assert made
    assert {type(each) for each in made} == {Retracted}


def test_what_a_redaction_left_has_no_content_and_says_nothing() -> None:
    left = {**message("$1", "anna", ""), "content": {}, "unsigned": {"redacted_because": {"event_id": "$r"}}}
    assert read(left, {**message("$2", "anna", ""), "content": {}}) == []


def test_a_chain_of_replies_that_bites_its_own_tail_ends() -> None:
    assert set(said(message("$1", "anna", "een", reply="$2"), message("$2", "bram", "twee", reply="$1"))) == {
        "$1",
        "$2",
    }


def test_a_link_in_the_thread_of_a_question_is_an_answer_and_elsewhere_is_shared() -> None:
    link = "Zie https://example.org/handleiding"
    assert said(QUESTION, message("$a", "bram", link, thread="$q"), message("$s", "bram", link)) == {
        "$q": "asked",
        "$a": "answered",
        "$s": "shared",
    }


def test_a_file_is_shared_and_its_name_is_not_read() -> None:
    assert said(message("$f", "anna", "Hoe_werkt_dit?.pdf", msgtype="m.file")) == {"$f": "shared"}  # fmt: skip


def test_a_notice_of_a_program_and_a_sticker_are_no_statements() -> None:
    assert (
        said(
            message("$n", "robot", "Wie weet dit?", msgtype="m.notice"),
            {**message("$s", "anna", "smiley"), "type": "m.sticker"},
        )
        == {}
    )


@pytest.mark.parametrize("msgtype", ["m.server_notice", "m.key.verification.request", "m.location"])
def test_a_body_that_a_client_writes_for_others_says_nothing(msgtype: str) -> None:
    reply = message("$a", "bram", "Dat staat onder het tabblad bronnen", thread="$n")
    assert said(message("$n", "anna", "Wie weet dit?", msgtype=msgtype), reply) == {"$a": "replied"}


def test_a_room_has_its_kind_by_id_or_alias() -> None:
    [made] = read(message("$p", "anna", "Mooi weer vandaag"), channel_kinds={"!room": "set_up_community"})
    assert made["context"]["extensions"][EXTENSION_BASE + "channel-kind"] == "set_up_community"


def test_mentions_are_actors_without_programs_and_without_whom_a_reply_mentions_by_itself() -> None:
    directory = Directory(
        employees=[Employee("E1", platform_ids=(("matrix", "@cas:x.example"),))],
        excluded_accounts=[("matrix", "@robot:x.example")],
    )
    mentioned = {
        "m.mentions": {"user_ids": ["@anna:x.example", "@cas:x.example", "@robot:x.example", "@bram:x.example"]}
    }
    made = read(
        QUESTION,
        message("$a", "bram", "Cas weet dit van de vorige keer.", thread="$q", **mentioned),
        directory=directory,
    )
    [answer] = [each for each in made if each["verb"]["id"] == verbs.ANSWERED.iri]
    [agent] = answer["context"]["extensions"][EXTENSION_BASE + "mentions"]
    assert agent["account"]["name"] == KEY.actor("E1")


def test_reactions_are_liked_reacted_or_accept_an_answer() -> None:
    answer = message("$a", "bram", "Met de knop links.", thread="$q")
    signs = [
        reaction("$1", "anna", "✅", "$a"),
        reaction("$2", "cas", "✅", "$a"),
        reaction("$3", "cas", "👀", "$q"),
        reaction("$4", "bram", "👍", "$a"),
    ]
    found = Counter(each["verb"]["id"] for each in read(QUESTION, answer, *signs))
    assert found == {
        verbs.ASKED.iri: 1,
        verbs.ANSWERED.iri: 1,
        verbs.VOTED_UP.iri: 1,
        verbs.LIKED.iri: 1,
        verbs.REACTED.iri: 1,
    }


def test_an_answer_whose_question_is_deleted_stays_a_reply_and_its_answer_is_voided() -> None:
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    gone = {**QUESTION, "content": {}, "unsigned": {"redacted_because": {}}}
    answer = message("$a", "bram", "Met de knop links.", thread="$q")
    [before] = [each for each in read(QUESTION, answer) if each["verb"]["id"] == verbs.ANSWERED.iri]
    _, outcomes = mapped(source, landed(source, list(source.read([answer, gone]))))
    assert [each.key for each in outcomes if isinstance(each, Retracted)] == [
        before["context"]["extensions"][EXTENSION_BASE + "record"]
    ]
    assert [each["verb"]["id"] for each in statements_of(outcomes)] == [verbs.REPLIED.iri]


def test_a_check_mark_whose_question_is_deleted_is_a_like_and_its_acceptance_is_voided() -> None:
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    gone = {**QUESTION, "content": {}, "unsigned": {"redacted_because": {}}}
    answer, mark = message("$a", "bram", "Met de knop links.", thread="$q"), reaction("$m", "anna", "✅", "$a")
    [before] = [each for each in read(QUESTION, answer, mark) if each["verb"]["id"] == verbs.VOTED_UP.iri]
    _, outcomes = mapped(source, landed(source, list(source.read([mark, answer, gone]))))
    assert before["context"]["extensions"][EXTENSION_BASE + "record"] in {
        each.key for each in outcomes if isinstance(each, Retracted)
    }
    assert {each["verb"]["id"] for each in statements_of(outcomes)} == {verbs.REPLIED.iri, verbs.LIKED.iri}


def test_a_kind_of_room_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="private_group"):
        completed(Matrix, {"host": "https://x.example", "rooms": [], "channel_kinds": {"!room": "private_group"}})


def test_an_answer_whose_question_lies_before_the_window_is_still_an_answer(tmp_path: Path) -> None:
    old = {**QUESTION, "origin_server_ts": at(-60 * 24 * 40)}
    chatter = [message(f"$c{number}", "cas", "Build is groen", minutes=-600 + number) for number in range(300)]
    room_of(tmp_path, [old, *chatter, message("$a", "bram", "Met de knop links.", thread="$q")])
    with running(tmp_path) as server:
        source = source_at(server, rooms=["!room"])
        made = statements(
            source,
            pull(source, Window(datetime.fromtimestamp(at(-5) / 1000, UTC), datetime.fromtimestamp(at(5) / 1000, UTC))),
        )
    assert [(event_of(each), each["verb"]["id"]) for each in made] == [("$a", verbs.ANSWERED.iri)]


def test_one_old_event_on_top_does_not_end_the_pull(tmp_path: Path) -> None:
    room_of(tmp_path, [])
    file = tmp_path / "matrix" / "rooms" / "room.jsonl"
    imported = message("$old", "cas", "Ingevoerd uit een ander systeem", minutes=-60 * 24 * 400)
    file.write_text(
        "\n".join([file.read_text(), json.dumps(message("$new", "anna", "Een bericht van nu")), json.dumps(imported)])
    )
    with running(tmp_path) as server:
        assert "$new" in {record.key for record in pull(source_at(server, rooms=["!room"]))}


def test_only_rooms_on_the_list_are_asked_for_and_aliases_are_rooms_too(tmp_path: Path) -> None:
    room_of(tmp_path, [message("$1", "anna", "Een bericht")], alias="#open:x.example")
    room_of(tmp_path, [{**message("$2", "anna", "Een ander bericht"), "room_id": "!other"}], name="other")
    with running(tmp_path) as server:
        records = pull(source_at(server, rooms=["#open:x.example"]))
        asked = [path for _, _, path in server.faults.asked]
    assert {"$1"} == {record.key for record in records if record["type"] == "m.room.message"}
    assert not any("other" in path for path in asked)


@pytest.mark.parametrize("sort", ["direct", "encrypted"])
def test_a_direct_or_encrypted_room_is_never_read_even_on_the_list(tmp_path: Path, sort: str) -> None:
    encryption = {
        "type": "m.room.encryption",
        "event_id": "$e",
        "room_id": "!room",
        "sender": "@anna:x.example",
        "state_key": "",
        "origin_server_ts": at(-60),
        "content": {"algorithm": "m.megolm.v1.aes-sha2"},
    }
    people = ("anna", "bram") if sort == "direct" else ("anna", "bram", "cas")
    room_of(
        tmp_path, [*([encryption] if sort == "encrypted" else []), message("$1", "anna", "Onder ons")], people=people
    )
    with running(tmp_path) as server:
        source = source_at(server, rooms=["!room"])
        assert pull(source) == []
        assert not any(path.endswith("/messages") for _, _, path in server.faults.asked)
        with source.api() as api, pytest.raises(ConfigurationError, match=r"direct|encrypted"):
            source.check(api)


def test_a_room_that_the_user_has_not_joined_and_an_unknown_alias_are_told(server: Running) -> None:
    with pytest.raises(CredentialsRefused):
        pull(source_at(server, rooms=["!elsewhere"]))
    with pytest.raises(ConfigurationError, match="#nowhere:x"):
        pull(source_at(server, rooms=["#nowhere:x.example"]))


def test_a_gap_in_sync_filled_by_messages_gives_each_event_once() -> None:
    """35 messages at once: the sync answer carries 20 and `limited`, two pages of the gap the others."""
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    texts = [message(f"${number}", "anna", f"Bericht nummer {number}", minutes=number) for number in range(35)]
    timeline = {
        "next_batch": "s9",
        "rooms": {
            "join": {
                "!room": {
                    "timeline": {
                        "limited": True,
                        "prev_batch": "t1",
                        "events": [{n: v for n, v in each.items() if n != "room_id"} for each in texts[15:]],
                    }
                }
            }
        },
    }
    pages = [{"chunk": texts[5:15][::-1]}, {"chunk": texts[:5][::-1], "end": "t0"}]
    records = [record for payload in (timeline, *pages) for record in source.read(payload)]
    assert len({each["id"] for each in statements(source, records)}) == len(records) == 35


def test_the_last_page_of_a_room_holds_no_event_and_is_no_error() -> None:
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    page = json.loads((RECORDINGS / "matrix" / "rooms" / "data" / "messages-back" / "page-04.json").read_text())
    assert list(source.read(page)) == []
    assert list(source.read({"next_batch": "s1"})) == []


def test_events_read_one_by_one_in_their_order_still_find_their_question() -> None:
    source = completed(Matrix, {"host": "https://x.example", "rooms": []}, "chat")
    lines = [QUESTION, message("$a", "bram", "Met de knop links.", thread="$q")]
    made = statements(source, [record for line in lines for record in source.read(line)])
    assert [each["verb"]["id"] for each in made] == [verbs.ASKED.iri, verbs.ANSWERED.iri]

"""The conversation that `tests/recordings/chat` writes for every chat platform: what each message of it must become, everywhere."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote
from uuid import uuid4

import pytest
from planned import planned
from source_contract import RECORDINGS, SourceContract, completed, landed, mapped, statements_of
from vendor_contract import asked

from connectors.chat import ChatSource
from connectors.source import Record, Window
from leerstroom.errors import ConfigurationError
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted
from leerstroom.statements.vocabulary import canonical_verb

OFF_THE_LIST = ("vrijmibo", "directie", "anouk-bram")
WEEKS = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
TRUTH = json.loads((RECORDINGS / "chat" / "truth.json").read_text())


def messages(folder: Path) -> list[dict[str, Any]]:
    """The lines of a platform's recording."""
    return [json.loads(line) for line in (folder / "messages.jsonl").read_text().splitlines()]


@dataclass(frozen=True)
class Bench:
    """What the tests of a chat platform do again and again: connect it, pull it, read payloads."""

    source: type[ChatSource]
    fields: dict[str, Any]

    def at(self, url: str = "https://x.example", **fields: Any) -> Any:
        """The source, connected to where a replay serves it."""
        return completed(self.source, {"host": url, **self.fields, **fields}, "chat")

    @staticmethod
    def pull(source: ChatSource, window: Window = WEEKS) -> list[Record]:
        """All raw records of a window."""
        with source.api() as api:
            return list(source.pull(api, window))

    @staticmethod
    def statements(
        source: ChatSource, records: list[Record], directory: Directory | None = None
    ) -> list[dict[str, Any]]:
        """What the records become."""
        return statements_of(mapped(source, landed(source, records), directory)[1])

    def read(self, *payloads: Any, **fields: Any) -> tuple[list[dict[str, Any]], list[str], dict[str, int]]:
        """(statements, keys taken back, reasons of the ignored) of payloads in their order."""
        source = self.at(**fields)
        records = [record for payload in payloads for record in source.read(payload)]
        mapper, outcomes = mapped(source, landed(source, records))
        return (
            statements_of(outcomes),
            [each.key for each in outcomes if isinstance(each, Retracted)],
            dict(mapper.counts.ignored),
        )


class PlotContract(SourceContract):
    """Inherit beside SourceContract: the same conversation says the same on every platform."""

    names: ClassVar[tuple[str, ...]] = (
        "Anouk de Vries", "Elif Yılmaz", "Hannah O'Connor", "Youssef el Amrani", "wie_weet_het", "06-12345678", "wachtwoord", "reorganisatie",
    )  # fmt: skip

    signs: ClassVar[tuple[tuple[str, str], ...]] = (
        ("assen", "reacted"), ("celopmaak", "liked"), ("celopmaak", "voted-up"), ("handleiding", "liked"),
    )  # fmt: skip
    private_rooms: ClassVar[tuple[str, ...]] = ("directie", "anouk-bram")
    window: ClassVar[Window] = WEEKS
    sees_deletions: ClassVar[bool] = True  # False where a deleted message vanishes from the lists without a trace

    def outcomes(self, wire: Running, directory: Directory | None = None) -> list[dict[str, Any]]:
        source = self.made(wire)
        return statements_of(mapped(source, landed(source, self.pulled(wire)), directory)[1])

    def test_every_message_of_the_plot_becomes_what_was_meant(self, wire: Running) -> None:
        keys = self.keys()
        said = {
            keys[each["object"]["id"]]: canonical_verb(each["verb"]["id"])
            for each in self.outcomes(wire)
            if not is_sign(each)
        }
        assert said == {key: each["verb"] for key, each in TRUTH.items() if each["verb"]}

    def test_signs_of_the_plot_like_react_and_accept_and_never_ones_own(self, wire: Running) -> None:
        keys = self.keys()
        found = sorted(
            (keys[each["object"]["id"]], canonical_verb(each["verb"]["id"]))
            for each in self.outcomes(wire)
            if is_sign(each)
        )
        assert found == sorted(self.signs)

    def test_employees_are_found_by_the_address_of_the_users_list_alone(self, wire: Running) -> None:
        directory = Directory(employees=[Employee("E1", emails=("bram.jansen@voorbeeldstad.example",))])
        made = self.outcomes(wire, directory)
        found = [each for each in made if each["actor"]["account"]["homePage"] != self.made(wire).tenant]
        assert {canonical_verb(each["verb"]["id"]) for each in found} >= {"answered", "asked", "liked"}

    def test_nights_under_a_moving_clock_leave_what_one_pull_at_the_end_leaves(self, wire: Running) -> None:
        """Each night sees only what existed then: a post is edited into a question, its reply becomes an answer, a reply is deleted."""
        source, facts = self.made(wire), Revisions(open_state("sqlite://"), uuid4().hex)
        counting: dict[str, dict[str, Any]] = {}
        for night in range((self.window.end - self.window.start).days):
            end = self.window.start + timedelta(days=night + 1)
            wire.world.until = end + timedelta(hours=2)
            window = Window(end - timedelta(days=1), end).widened(self.source.look_back)
            _, outcomes = mapped(source, landed(source, self.pulled(wire, window)))
            plan = planned(facts, statements_of(outcomes), end.isoformat())  # type: ignore[arg-type]  # statements are dictionaries
            for statement in plan.send:
                assert counting.setdefault(statement["id"], statement) == statement, "one id, two contents"  # type: ignore[arg-type]
            gone = facts.retract([each.key for each in outcomes if isinstance(each, Retracted)], end.isoformat())
            for statement_id, _ in (*plan.void, *gone):
                counting.pop(statement_id, None)
        wire.world.until = None
        left = {(each["verb"]["id"], each["object"]["id"]) for each in counting.values()}
        final = {(each["verb"]["id"], each["object"]["id"]) for each in self.outcomes(wire)}
        assert final <= left
        unseen = {self.keys()[iri] for _, iri in left - final}
        assert unseen == (set() if self.sees_deletions else {"spijt"})

    def keys(self) -> dict[str, str]:
        """IRI of a message -> its name in the plot."""
        source = completed(self.source, {**self.connection(None), "host": "https://x.example"})
        assert isinstance(source, ChatSource)
        assert self.recordings is not None
        return {source.message_iri(line["id"]): line["key"] for line in messages(self.recordings)}

    def test_rooms_off_the_list_are_never_asked_for(self, wire: Running) -> None:
        source = self.made(wire)
        with source.api() as api, asked(api) as requests:
            list(source.pull(api, self.window))
        assert self.recordings is not None
        rooms = {line["room"] for line in messages(self.recordings) if TRUTH[line["key"]]["room"] in OFF_THE_LIST}
        sent = [unquote(f"{request.url} {request.body or ''}") for request in requests]
        assert len(rooms) == len(OFF_THE_LIST)
        assert sent
        found = [line for line in sent if re.search(rf"(?<![\w-])({chr(124).join(map(re.escape, rooms))})(?!\w)", line)]
        assert found == []

    def test_a_private_room_is_never_read_even_on_the_list_and_the_check_says_so(self, wire: Running) -> None:
        assert self.recordings is not None
        for room in self.private_rooms:
            [private] = {line["room"] for line in messages(self.recordings) if TRUTH[line["key"]]["room"] == room}
            source = completed(self.source, {**self.made(wire).connection.fields, "rooms": [private]}, "chat")
            with source.api() as api:
                assert list(source.pull(api, self.window)) == []
                with pytest.raises(ConfigurationError, match="private"):
                    source.check(api)


def is_sign(statement: dict[str, Any]) -> bool:
    """Whether it was made of a reaction: only texts have a length."""
    return not any(name.endswith("text-length") for name in statement["context"]["extensions"])

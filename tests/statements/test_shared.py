"""Parts that many statements share: checked when they are shared, known by their type, changed by nobody."""

import copy
from typing import Any

import msgspec
import pytest

from connectors.mapping import Mapper
from connectors.source import Connection, Kind, Record, Source, maps
from leerstroom.errors import InvalidStatement
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import activity, shared_place, statement, types, validation, verbs
from leerstroom.statements.validation import validate

KEY = Pseudonyms("a key of sixteen bytes or more")
COURSE = activity("https://c.example/1", types.COURSE)


def built(**changes: Any) -> dict[str, Any]:
    made = statement(
        actor=people().actor("a"), verb=verbs.PLAYED, object=COURSE, timestamp="2026-11-03T09:00:00Z", **changes
    )
    return dict(made.statement)


def people() -> People:
    return People(KEY, tenant="https://c.example")


@pytest.mark.parametrize(
    ("share", "wrong"),
    [
        (validation.shared_agent, {"account": {"homePage": "no iri", "name": "x"}}),
        (validation.shared_verb, {"id": "played"}),
        (validation.shared_definition, {"type": "video"}),
        (validation.shared_place, {"parent": [{"id": "no iri"}]}),
    ],
)
def test_what_is_shared_is_checked(share: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatement):
        share(wrong)


def test_a_shared_part_is_valid_only_in_its_own_place() -> None:
    place = shared_place(COURSE, COURSE)
    validate(built(place=place))
    for wrong in (
        {"actor": place},
        {"verb": place},
        {"object": people().actor("a")["account"]},
        {"context": {"contextActivities": verbs.PLAYED.stated}},
    ):
        with pytest.raises(InvalidStatement):
            validate({**built(), **wrong})


def test_a_voiding_statement_is_looked_at_closely_whoever_shares_its_verb() -> None:
    with pytest.raises(InvalidStatement):
        validate({**built(), "verb": verbs.VOIDED.stated})


def test_people_and_types_share_their_parts() -> None:
    someone = people()
    assert someone.actor("a") is someone.actor("a")
    assert someone.actor("a") is not someone.actor("b")
    assert (
        activity("https://c.example/1", types.VIDEO)["definition"]
        is activity("https://c.example/2", types.VIDEO)["definition"]
    )


class Shop(Source):
    """A source whose statements share all that can be shared."""

    name = "shop"
    title = "Shop"
    kind = Kind.LMS
    place = shared_place(COURSE, COURSE)

    @maps("row")
    def row(self, row: Record, people: People) -> Any:
        """One statement."""
        return statement(actor=people.actor(row["who"]), verb=verbs.PLAYED, object=activity(f"https://c.example/{row.key}", types.VIDEO), place=self.place, timestamp="2026-11-03T09:00:00Z")  # fmt: skip


def test_mapping_leaves_shared_parts_as_they_were() -> None:
    someone, source = people(), Shop(Connection("shop", "shop", {"host": "https://c.example"}))
    parts = [
        someone.actor("a"),
        verbs.PLAYED.stated,
        source.place,
        activity("https://c.example/1", types.VIDEO)["definition"],
    ]
    before = copy.deepcopy(parts)
    made = list(Mapper(source, someone).statements(Record("row", str(number), {"who": "a"}) for number in range(3)))
    assert parts == before
    assert len({each["id"] for each in made}) == 3  # type: ignore[index]
    assert all(each["actor"] is parts[0] and each["verb"] is parts[1] for each in made)  # type: ignore[index]


@pytest.mark.parametrize("part", [people().actor("a"), verbs.PLAYED.stated, Shop.place])
def test_what_is_copied_of_a_shared_part_is_looked_at_again(part: dict[str, Any]) -> None:
    for copied in (copy.copy(part), copy.deepcopy(part), dict(part), {**part}):
        assert type(copied) is dict
        assert copied == part


def test_parts_are_looked_at_as_a_whole_statement_is() -> None:
    good = statement(
        actor=people().actor("a"), verb=verbs.PLAYED, object=COURSE, place=Shop.place, timestamp="2026-11-03T09:00:00Z"
    )
    wrong = {
        "actor": {"account": {"homePage": "no iri", "name": "x"}},
        "verb": {"id": "played"},
        "object": {"objectType": "Activity", "id": "no iri"},
        "result": {"success": "yes"},
        "place": {"parent": [{"id": "no iri"}]},
        "extensions": {"no iri": 1},
        "timestamp": "2026-02-30T09:00:00Z",
        "registration": "no uuid",
        "instructor": {"account": {"homePage": "no iri", "name": "x"}},
        "language": "no language",
    }

    def accepted(**changes: Any) -> bool:
        told = {name: getattr(good, name) for name in wrong} | changes  # in the order of the parameters
        return validation.plain_parts(*told.values())

    assert accepted()
    for name, value in wrong.items():
        with pytest.raises(InvalidStatement):
            validate(msgspec.structs.replace(good, **{name: value}).statement)
        assert not accepted(**{name: value}), name

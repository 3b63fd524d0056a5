"""Stays of an occurrence gathered into persons: what links them, and what never does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.attendance import Join, Person, actor_of, persons, without_copies
from connectors.source import Record
from leerstroom.errors import BadRecord
from leerstroom.people import Directory, Employee, ExcludedAccount, People, Pseudonyms

START = datetime(2026, 11, 3, 9, tzinfo=UTC)
KEY = Pseudonyms("a key of sixteen bytes or more")
TENANT = "https://webinars.example"
STRANGERS = People(KEY, tenant=TENANT)


def join(start: int = 0, end: int = 10, *, key: str = "", **told: Any) -> Join:
    told = {name: (value,) if name in {"emails", "accounts"} else value for name, value in told.items()}
    record = Record("participant", key or f"{start}-{end}-{sorted(told.items())}", {})
    return Join([record], START + timedelta(minutes=start), START + timedelta(minutes=end), **told)


def sizes(*joins: Join, people: People = STRANGERS) -> list[int]:
    return sorted(len(mine) for mine in persons(joins, people))


def employee(**fields: Any) -> People:
    directory = Directory([Employee("E1", **fields)])
    return People(KEY, tenant=TENANT, source="webinars", directory=directory, home_page="https://people.example")


def test_a_shared_account_links_two_addresses_and_a_shared_invitation_does_not() -> None:
    assert sizes(join(emails="a", accounts="z"), join(emails="b", accounts="z")) == [2]
    assert sizes(join(emails="a", invitation="i"), join(emails="b", invitation="i")) == [1, 1]


def test_an_invitation_alone_goes_to_its_only_owner_and_else_stays_alone() -> None:
    assert sizes(join(invitation="i"), join(emails="a", invitation="i"), join(5, 9, invitation="i")) == [3]
    assert sizes(join(invitation="i"), join(emails="a", invitation="i"), join(emails="b", invitation="i")) == [1, 1, 1]
    assert sizes(join(invitation="i"), join(5, 9, invitation="i")) == [2]


def test_guests_are_one_person_only_under_one_id() -> None:
    assert sizes(join(guest="1"), join(5, 9, guest="1"), join(guest="2")) == [1, 2]


def test_an_employee_of_two_references_is_one_person() -> None:
    people = employee(emails=("anna@x.nl",), platform_ids=(("webinars", "z1"),))
    account, email = KEY.account(TENANT, "z1"), KEY.email("anna@x.nl")
    assert sizes(join(accounts=account), join(emails=email), people=people) == [2]
    [mine] = persons([join(accounts=account), join(5, 20, emails=email)], people)
    assert Person(mine).actor(people)["account"]["homePage"] == "https://people.example"


def test_an_address_names_the_fact_and_what_went_under_the_account_is_told() -> None:
    who = Person([join(accounts="z"), join(5, 20, emails="a", accounts="z")])
    assert (who.reference, who.earlier_references) == ("a", ["z"])
    who = Person([join(emails="a", accounts="z"), join(5, 20, emails="a")])
    assert (who.reference, who.earlier_references) == ("a", [])


def test_somebody_on_the_exclusion_list_is_excluded_under_any_reference() -> None:
    directory = Directory([], excluded_accounts=[("email", "room@x.nl")])
    people = People(KEY, tenant=TENANT, source="webinars", directory=directory)
    with pytest.raises(ExcludedAccount):
        Person([join(emails="a"), join(5, 9, emails=KEY.email("room@x.nl"))]).actor(people)


def test_a_stranger_goes_by_address_before_account() -> None:
    assert actor_of(STRANGERS, "z", "a")["account"] == {"homePage": TENANT, "name": "a"}
    assert actor_of(STRANGERS, "z", None)["account"]["name"] == "z"
    with pytest.raises(BadRecord):
        actor_of(STRANGERS, None, None)


def test_a_copy_counts_only_for_what_no_other_row_tells() -> None:
    real, copy, more = join(0, 30, emails="a"), join(5, 30, emails="a", is_copy=True), join(20, 50, emails="a", is_copy=True)  # fmt: skip
    assert without_copies([real, copy, more]) == [real, more]
    assert without_copies([copy]) == [copy]
    assert without_copies([join(guest="1", is_copy=True)]) == []


def test_a_stay_needs_somebody_and_an_end_after_its_beginning() -> None:
    with pytest.raises(BadRecord, match="account"):
        join()
    with pytest.raises(BadRecord, match="before"):
        join(10, 5, guest="1")
    assert join(5, 5, guest="1").interval[0] == join(5, 5, guest="1").interval[1]


stays = st.lists(
    st.builds(
        lambda start, length, number, **told: join(
            start, start + length, key=str(number), **{name: each for name, each in told.items() if each}
        ),
        start=st.integers(0, 50),
        length=st.integers(0, 50),
        number=st.integers(0, 10**9),
        emails=st.sampled_from(["", "a", "b", "c"]),
        accounts=st.sampled_from(["", "x", "y"]),
        invitation=st.sampled_from(["", "i", "j"]),
        guest=st.sampled_from(["1", "2", "3"]),
    ),
    max_size=12,
    unique_by=lambda each: each.row.key,
)


@given(stays, st.randoms())
def test_every_stay_belongs_to_one_person_whatever_the_order(joins: list[Join], random: Any) -> None:
    found = persons(joins, STRANGERS)
    assert sorted(id(each) for mine in found for each in mine) == sorted(id(each) for each in joins)
    shuffled = list(joins)
    random.shuffle(shuffled)
    assert {frozenset(map(id, mine)) for mine in persons(shuffled, STRANGERS)} == {frozenset(map(id, mine)) for mine in found}  # fmt: skip


@given(stays)
def test_no_two_persons_share_the_reference_of_their_fact_and_none_takes_back_anothers(joins: list[Join]) -> None:
    everyone = [Person(mine) for mine in persons(joins, STRANGERS)]
    references = [who.reference for who in everyone]
    assert len(references) == len(set(references))
    assert not {earlier for who in everyone for earlier in who.earlier_references} & set(references)

"""Which actors are which employee."""

import hashlib

from leerstroom.people.directory import Directory, Employee
from leerstroom.people.identities import Identities, actor_strings
from leerstroom.people.pseudonyms import Pseudonyms

ANNA = Employee("E1", ("Anna@example.org",))
KEY = Pseudonyms("a key of more than sixteen bytes")


def test_an_employee_may_appear_under_every_identity() -> None:
    found = actor_strings(ANNA, KEY, "https://people.example")
    name = KEY.actor("E1")
    assert {
        "mbox|anna@example.org",
        f"account|https://people.example|{name}",
        f"account||{name}",
        "account|https://people.example|E1",
    } <= set(found)
    assert f"mbox_sha1sum|{hashlib.sha1(b'mailto:Anna@example.org').hexdigest()}" in found
    identities = Identities(Directory([ANNA]), KEY, "https://people.example")
    assert {identities.employee(each) for each in found} == {"E1"}


def test_an_address_of_two_people_is_nobodys() -> None:
    identities = Identities(Directory([ANNA, Employee("E2", ("anna@example.org",))]))
    assert identities.employee("mbox|anna@example.org") is None
    assert identities.employee("account||E2") == "E2"


def test_excluded_accounts_are_nobody_even_if_the_directory_lists_them() -> None:
    directory = Directory([ANNA], excluded_accounts=[("email", "ANNA@example.org"), ("chat", "@bot:server.example")])
    identities = Identities(directory)
    assert identities.excluded("mbox|anna@example.org")
    assert identities.employee("mbox|anna@example.org") is None
    assert identities.excluded("account|https://chat.example|@bot:server.example")
    assert not identities.excluded("mbox|bram@example.org")

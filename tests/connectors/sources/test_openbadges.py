"""Open Badges: earned, by whom the hash in the badge is found at the edge, out of every envelope that badges come in."""

import base64
import hashlib
import json
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.mapping import Mapper
from connectors.source import Window
from connectors.sources.openbadges import OpenBadges
from leerstroom.errors import BadRecord
from leerstroom.people import Directory, Employee
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

FILE = RECORDINGS / "openbadges" / "badges.json"
FIELDS: dict[str, Any] = {"files": [str(FILE)]}
WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))


class TestOpenBadges(SourceContract):
    source = OpenBadges
    fields = FIELDS
    window = WINDOW
    names = ("Weergavenaam", "Alle opdrachten", "sha256$", "zout1", "deadsea")


@pytest.mark.parametrize("pair", pairs("openbadges"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(OpenBadges, pair)


@pytest.fixture
def source() -> OpenBadges:
    return completed(OpenBadges, {})


def outcomes(source: OpenBadges, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    read = [
        source.read_document(each, "badge.png") if isinstance(each, bytes) else source.read(each) for each in payloads
    ]
    return mapped(source, landed(source, [record for records in read for record in records]), directory)


def hashed(address: str, salt: str = "", algorithm: str = "sha256") -> str:
    return f"{algorithm}${hashlib.new(algorithm, f'{address}{salt}'.encode()).hexdigest()}"


def credential(identity: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An Open Badge 3.0."""
    subject: dict[str, Any] = {
        "type": ["AchievementSubject"],
        "achievement": {"id": "https://i.example/a/1", "type": ["Achievement"], "name": "Teamwork"},
    }
    if identity:
        subject["identifier"] = [{"type": "IdentityObject", "identityType": "emailAddress", **identity}]
    subject |= more.pop("subject", {})
    return {
        "id": "https://i.example/c/1",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": {"id": "https://i.example/1", "type": ["Profile"], "name": "Example"},
        "validFrom": "2026-11-03T10:00:00Z",
        "credentialSubject": subject,
        **more,
    }


def assertion(**more: Any) -> dict[str, Any]:
    """An assertion of 2.0."""
    return {
        "type": "Assertion",
        "id": "https://i.example/assertions/1",
        "recipient": {"type": "email", "hashed": False, "identity": "a@x.nl"},
        "badge": {
            "type": "BadgeClass",
            "id": "https://i.example/b/1",
            "name": "Teamwork",
            "issuer": "https://i.example/1",
        },
        "issuedOn": "2026-11-03T10:00:00Z",
        **more,
    }


ANNA = Directory([Employee("E1", emails=("Anna@x.nl",))])


def who(statement: dict[str, Any]) -> str:
    return statement["actor"]["account"]["name"]


# --- recipients -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
@pytest.mark.parametrize("address", ["Anna@x.nl", "anna@x.nl"])
def test_a_hashed_address_is_found_among_the_directorys_with_the_salt_of_the_badge(
    source: OpenBadges, algorithm: str, address: str
) -> None:
    source.addresses = ["ben@x.nl", "Anna@x.nl"]
    identity = {"hashed": True, "identityHash": hashed(address, "s1", algorithm), "salt": "s1"}
    old = assertion(
        recipient={"type": "email", "hashed": True, "identity": hashed(address, "s2", algorithm), "salt": "s2"}
    )
    _, made = outcomes(source, credential(identity), old, directory=ANNA)
    assert [who(each) for each in made] == [KEY.actor("E1")] * 2


def test_a_hash_that_nobody_has_stays_a_stranger_and_does_not_land(source: OpenBadges) -> None:
    source.addresses = ["ben@x.nl"]
    identity = {"hashed": True, "identityHash": hashed("anna@x.nl", "s1"), "salt": "s1"}
    [kept] = landed(source, list(source.read(credential(identity))))
    assert "sha256" not in json.dumps([kept, kept.key])
    _, [made] = outcomes(source, credential(identity), directory=ANNA)
    assert made["actor"]["account"]["homePage"] == source.tenant


def test_a_badge_whose_recipient_becomes_known_is_the_same_fact(source: OpenBadges) -> None:
    badge = credential({"hashed": True, "identityHash": hashed("anna@x.nl"), "salt": ""})
    _, [before] = outcomes(source, badge, directory=ANNA)
    source.addresses = ["Anna@x.nl"]
    _, [after] = outcomes(source, badge, directory=ANNA)
    record = EXTENSION_BASE + "record"
    assert before["context"]["extensions"][record] == after["context"]["extensions"][record]
    assert before["id"] != after["id"]


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (credential({"hashed": False, "identityHash": "anna@x.nl"}), KEY.actor("E1")),
        (credential(subject={"id": "mailto:Anna@x.nl"}), KEY.actor("E1")),
        (credential({"identityType": "sourcedId", "hashed": False, "identityHash": "s-77"}), KEY.actor("E2")),
        (credential(subject={"id": "did:example:77"}), KEY.actor("E3")),
        (assertion(recipient="anna@x.nl"), KEY.actor("E1")),
        (assertion(recipient={"type": "url", "hashed": False, "identity": "did:example:77"}), KEY.actor("E3")),
    ],
)
def test_who_it_is_may_be_told_in_many_ways(source: OpenBadges, told: Any, wanted: str) -> None:
    directory = Directory([
        Employee("E1", emails=("anna@x.nl",)),
        Employee("E2", platform_ids=(("openbadges", "s-77"),)),
        Employee("E3", platform_ids=(("openbadges", "did:example:77"),)),
    ])
    _, [made] = outcomes(source, told, directory=directory)
    assert who(made) == wanted


def test_a_badge_of_nobody_is_quarantined(source: OpenBadges) -> None:
    mapper, made = outcomes(source, credential(), credential({"identityHash": "a@x.nl"}, id="https://i.example/c/2"))
    assert len(statements_of(made)) == 1
    assert mapper.counts.quarantined == {"the record names no account, HR id or e-mail address": 1}


# --- what was earned -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "kind"),
    [(None, types.BADGE), ("Badge", types.BADGE), ("Certificate", types.CERTIFICATION), ("MasterDegree", types.DEGREE), ("ext:Course", types.BADGE)],
)  # fmt: skip
def test_the_kind_of_achievement_is_told(source: OpenBadges, told: str | None, kind: str) -> None:
    badge = credential({"identityHash": "a@x.nl"})
    badge["credentialSubject"]["achievement"]["achievementType"] = told
    _, [made] = outcomes(source, badge)
    assert made["verb"]["id"] == verbs.EARNED.iri
    assert made["object"] == {"objectType": "Activity", "id": "https://i.example/a/1", "definition": {"type": kind, "name": {"und": "Teamwork"}}}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "moment"),
    [
        ({}, "2026-11-03T10:00:00.000Z"),
        ({"validFrom": None, "issuanceDate": "2026-11-02T10:00:00+01:00"}, "2026-11-02T09:00:00.000Z"),
        ({"awardedDate": "2026-11-01T10:00:00Z"}, "2026-11-01T10:00:00.000Z"),
    ],
)
def test_when_it_was_awarded(source: OpenBadges, more: dict[str, Any], moment: str) -> None:
    _, [made] = outcomes(source, credential({"identityHash": "a@x.nl"}, **more))
    assert made["timestamp"] == moment


def test_an_assertion_of_1_0_counts_seconds(source: OpenBadges) -> None:
    old = {"uid": "u1", "recipient": {"type": "email", "hashed": False, "identity": "a@x.nl"}, "badge": "https://i.example/b/1.json", "issuedOn": 1793700000}  # fmt: skip
    _, [made] = outcomes(source, old)
    assert made["timestamp"] == "2026-11-03T10:00:00.000Z"


def test_an_assertion_of_0_5_says_when_in_its_own_way(source: OpenBadges) -> None:
    badge = {"version": "0.5.0", "name": "Teamwork", "issuer": {"origin": "https://i.example", "name": "Example"}}
    _, [made] = outcomes(source, {"recipient": "a@x.nl", "badge": badge, "issued_on": "2026-11-03"})
    assert made["timestamp"] == "2026-11-03T00:00:00.000Z"


def test_json_ld_may_write_one_as_a_list_of_one(source: OpenBadges) -> None:
    plain = assertion(badge="https://i.example/b/1")
    listed = assertion(badge=["https://i.example/b/1"], recipient=[{"type": ["email"], "identity": "a@x.nl"}])
    assert outcomes(source, listed)[1] == outcomes(source, plain)[1]


def test_the_claims_of_a_jwt_may_stand_in_the_place_of_issuer_holder_and_id(source: OpenBadges) -> None:
    whole = credential(subject={"id": "did:key:z6Mk"})
    subject = {name: value for name, value in whole["credentialSubject"].items() if name != "id"}
    bare = {"type": whole["type"], "credentialSubject": subject}
    claims = {"iss": "https://i.example/1", "sub": "did:key:z6Mk", "jti": whole["id"], "nbf": 1793700000, "vc": bare}
    assert outcomes(source, jwt(claims))[1] == outcomes(source, whole)[1]


def test_the_study_load_of_a_dutch_badge_of_3_0_is_its_hours(source: OpenBadges) -> None:
    told = credential({"identityHash": "a@x.nl"})
    told["credentialSubject"]["achievement"]["SBU"] = 24
    _, [made] = outcomes(source, told)
    assert made["context"]["extensions"][EXTENSION_BASE + "scheduled-minutes"] == 24 * 60


def test_a_revoked_badge_is_taken_back(source: OpenBadges) -> None:
    _, [earned] = outcomes(source, assertion())
    _, [gone] = outcomes(source, assertion(revoked=True))
    assert isinstance(gone, Retracted)
    assert gone.key == earned["context"]["extensions"][EXTENSION_BASE + "record"]


def test_a_badge_that_one_gave_oneself_is_marked(source: OpenBadges) -> None:
    _, [made] = outcomes(source, credential(issuer="did:example:me", subject={"id": "did:example:me"}))
    assert made["context"]["extensions"][EXTENSION_BASE + "self-reported"] is True


def test_only_the_issuers_on_the_list_count() -> None:
    source = completed(OpenBadges, {"issuers": ["https://other.example/*"]})
    mapper, made = outcomes(source, assertion())
    assert made == []
    assert mapper.counts.ignored == {"badge of an issuer that does not count": 1}


def test_an_endorsement_is_no_badge(source: OpenBadges) -> None:
    told = credential(
        type=["VerifiableCredential", "EndorsementCredential"], subject={"achievement": None, "endorsementComment": "!"}
    )
    mapper, made = outcomes(source, told)
    assert made == []
    assert mapper.counts.ignored == {"endorsement, not a badge": 1}


# --- envelopes -----------------------------------------------------------------------------------------------------------------------------


def jwt(claims: dict[str, Any]) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "RS256"}, claims)
    )
    return f"{head}.{body}.c2lnbmF0dXJl"


def png(keyword: bytes, text: str, *, packed: bool = False) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    body = text.encode()
    inside = keyword + b"\0" + (b"\1\0\0\0" + zlib.compress(body) if packed else b"\0\0\0\0" + body)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13) + chunk(b"iTXt", inside) + chunk(b"IEND", b"")


def svg(inside: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:openbadges="http://openbadges.org">{inside}</svg>'.encode()


BADGE = credential({"identityHash": "a@x.nl"})
TEXT = json.dumps(BADGE)


@pytest.mark.parametrize(
    "told",
    [
        BADGE,
        [BADGE],
        jwt(BADGE),
        jwt({"iss": "https://i.example/1", "jti": BADGE["id"], "vc": BADGE}),
        jwt(BADGE).encode(),
        {"type": ["VerifiablePresentation"], "verifiableCredential": [BADGE]},
        {"credential": [], "compactJwsString": [jwt(BADGE)]},
        {"type": ["ClrCredential"], "issuer": "x", "credentialSubject": {"verifiableCredential": [BADGE]}},
        {"request": "GET /ims/ob/v3p0/credentials", "response": {"body": {"credential": [BADGE]}}},
        {"status": {"statusText": "OK"}, "results": [BADGE]},
        png(b"openbadgecredential", TEXT),
        png(b"openbadgecredential", TEXT, packed=True),
        png(b"openbadgecredential", jwt(BADGE)),
        svg(f"<openbadges:credential><![CDATA[{TEXT}]]></openbadges:credential>"),
        svg(f'<openbadges:credential verify="{jwt(BADGE)}"/>'),
    ],
    ids=["json", "list", "jwt", "jwt 1.1", "jwt in a file", "presentation", "page", "clr", "exchange", "page of 2.1", "png", "packed png", "jwt in a png", "svg", "jwt in an svg"],
)  # fmt: skip
def test_every_envelope_holds_the_same_badge(source: OpenBadges, told: Any) -> None:
    _, made = outcomes(source, told)
    assert json.dumps(made) == json.dumps(outcomes(source, BADGE)[1])
    assert len(made) == 1


@pytest.mark.parametrize("page", [{"credential": [], "compactJwsString": []}, {"response": {"body": {"results": []}}}])
def test_an_empty_page_holds_no_badge_and_is_no_fault(source: OpenBadges, page: Any) -> None:
    mapper, made = outcomes(source, page)
    assert (made, mapper.counts.pulled) == ([], 0)


@pytest.mark.parametrize(
    "data",
    [
        png(b"Comment", "hello"),
        png(b"openbadges", "https://i.example/assertions/1"),
        png(b"openbadges", "{"),
        png(b"openbadges", "x" * 2_000_000, packed=True),
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffiTXt",
        svg(""),
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        b"a.b.c",
        b"",
    ],
)
def test_a_picture_or_text_without_a_badge_is_a_bad_record(source: OpenBadges, data: bytes) -> None:
    with pytest.raises(BadRecord):
        list(source.read_document(data, "badge.png"))


def test_files_of_all_sorts_are_read_and_a_bad_one_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(b"openbadges", json.dumps(assertion())))
    (tmp_path / "b.jsonl").write_text(f"{TEXT}\n{{broken\n")
    (tmp_path / "c.jwt").write_text(jwt(credential({"identityHash": "b@x.nl"}, id="https://i.example/c/9")))
    (tmp_path / "d.json").write_text("[]")
    (tmp_path / "e.json").write_text(TEXT)  # once more
    source = completed(OpenBadges, {"files": [str(tmp_path / "*")]})
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
    mapper, made = mapped(source, landed(source, records))
    assert len(statements_of(made)) == 3
    assert sorted(reason.split(":")[0] for reason in mapper.counts.quarantined) == ["b.jsonl line 2", "d.json"]


def test_a_pull_of_the_night_fills_the_addresses_of_the_directory(tmp_path: Path) -> None:
    from leerstroom import nightly
    from leerstroom.landing import Store
    from leerstroom.settings import Settings

    (tmp_path / "employees.csv").write_text("employee_id;emails\nE1;anna@x.nl\n")
    badge = credential({"hashed": True, "identityHash": hashed("anna@x.nl", "s1"), "salt": "s1"})
    (tmp_path / "badge.json").write_text(json.dumps(badge))
    settings = Settings(
        organisation={"name": "Voorbeeldstad", "home_page": "https://people.voorbeeldstad.example"},
        data=str(tmp_path / "data"),
        directory={"employees": tmp_path / "employees.csv"},
        pseudonym_key="a key of sixteen bytes or more",
        lrs={"endpoint": "http://127.0.0.1:9/xapi/", "key": "k", "secret": "s"},
        connections={"badges": {"source": "openbadges", "files": [str(tmp_path / "badge.json")]}},
    )
    pulled = nightly.pull(
        nightly.connection_of(settings, "badges"), WINDOW.start, WINDOW.end, settings=settings, run_id="manual__badges"
    )
    [record] = nightly.landed(Store(settings.data), pulled["path"])
    assert record["email"] == KEY.email("anna@x.nl")

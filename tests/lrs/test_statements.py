"""The statements resource, over HTTP, on both databases."""

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

ABSENT = "0387a993-8551-47d0-987c-09857f04639f"  # the id of no statement; a fixed one, so that parallel runs collect the same tests


def test_a_statement_comes_back_as_it_was_sent_with_what_the_lrs_adds(call, make):
    sent = make.statement(
        result={"duration": "PT90.25S", "score": {"scaled": 0.1}}, timestamp="2026-11-03T09:00:00+01:00"
    )
    assert call.store(sent).json() == [sent["id"]]
    answer = call("GET", "statements", 200, params={"statementId": sent["id"].upper()})
    got = answer.json()
    assert {name: got[name] for name in sent} == sent
    assert set(got) - set(sent) == {"stored", "version", "authority"}
    assert answer.headers["Last-Modified"].endswith("GMT")
    through = datetime.fromisoformat(answer.headers["X-Experience-API-Consistent-Through"])
    assert through >= datetime.fromisoformat(got["stored"])


def test_the_authority_is_who_stored_not_who_was_named(call, make):
    sent = make.statement(authority=make.agent("impostor"))
    call.store(sent)
    assert (
        call("GET", "statements", params={"statementId": sent["id"]}).json()["authority"]["account"]["homePage"]
        == "https://leerstroom.invalid/lrs"
    )


def test_put_needs_an_id_that_fits(call, make):
    sent = make.statement()
    call("PUT", "statements", 204, params={"statementId": sent["id"]}, json=sent)
    call("PUT", "statements", 400, params={"statementId": str(uuid.uuid4())}, json=sent)
    call("PUT", "statements", 400, json=sent)
    call("PUT", "statements", 400, params={"statementId": sent["id"]}, json=[sent])
    del sent["id"]
    call("PUT", "statements", 204, params={"statementId": str(uuid.uuid4())}, json=sent)


def test_sending_an_equal_statement_again_is_accepted_and_stores_nothing(call, make):
    sent = make.statement(context={"contextActivities": {"parent": make.activity("p")}}, result={"duration": "PT2M"})
    call.store(sent)
    told = call("GET", "statements", params={"statementId": sent["id"]}).json()
    call.store(sent)
    call.store(told)
    other = sent | {"verb": {"id": sent["verb"]["id"], "display": {"en": "did"}}, "result": {"duration": "PT120.00S"}}
    call.store(dict(reversed(other.items())))
    assert call("GET", "statements", params={"statementId": sent["id"]}).json() == told
    assert call.ids(verb=make.verb()) == [sent["id"]]


@pytest.mark.parametrize(
    "change",
    [{"result": {"success": True}}, {"timestamp": "2020-01-01T00:00:00Z"}, {"verb": {"id": "https://v.example/other"}}],
    ids=["result", "timestamp", "verb"],
)
def test_a_different_statement_under_a_known_id_is_a_conflict_and_its_batch_stays_out(call, make, change):
    known = make.statement(timestamp="2026-11-03T09:00:00Z")
    call.store(known)
    new = make.statement(verb={"id": make.verb("new")})
    answer = call.store(new, known | change, expect=409).json()
    assert (answer["index"], answer["property"]) == (1, "id")
    assert call.ids(verb=make.verb("new")) == []


def test_a_batch_with_known_and_new_statements_answers_all_ids_in_order(call, make):
    known, new = make.statement(), make.statement()
    call.store(known)
    assert call.store(new, known).json() == [new["id"], known["id"]]
    assert set(call.ids(verb=make.verb())) == {known["id"], new["id"]}


def test_the_same_id_twice_in_a_batch_is_refused(call, make):
    one = make.statement()
    answer = call.store(one, one | {"id": one["id"].upper()}, expect=400).json()
    assert answer["index"] == 1


def test_a_refusal_names_the_index_and_the_property_and_nothing_is_stored(call, make):
    right, wrong = make.statement(), make.statement(actor={"mbox": "no address"})
    answer = call.store(right, wrong, expect=400).json()
    assert (answer["index"], answer["property"]) == (1, "actor.mbox")
    assert "no address" not in answer["error"]
    assert call.ids(verb=make.verb()) == []


def test_stored_rises_strictly_also_with_many_writers(call, make):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: call.store(*[make.statement() for _ in range(20)]), range(12)))
    listed = call("GET", "statements", params={"verb": make.verb(), "ascending": "true", "limit": 300}).json()[
        "statements"
    ]
    times = [each["stored"] for each in listed]
    assert len(times) == 240
    assert times == sorted(set(times))


# --- queries ------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(call, make):
    """Five statements, one after another, that differ in person, verb, activity and registration."""
    registration = str(uuid.uuid4())
    made = {
        "plain": make.statement(),
        "ben": make.statement(actor=make.agent("ben"), verb={"id": make.verb("asked")}),
        "about ben": make.statement(object=make.agent("ben")),
        "group": make.statement(
            actor={"objectType": "Group", "member": [make.agent("ben"), make.agent("cem")]},
            object=make.activity("quiz"),
        ),
        "context": make.statement(
            actor=make.agent("cem"),
            object=make.activity("quiz"),
            context={
                "registration": registration,
                "instructor": make.agent("ben"),
                "contextActivities": {"parent": [make.activity()]},
            },
        ),
        "sub": make.statement(
            actor=make.agent("cem"),
            object={
                "objectType": "SubStatement",
                "actor": make.agent("ben"),
                "verb": {"id": make.verb("planned")},
                "object": make.activity(),
            },
        ),
    }
    for each in made.values():
        call.store(each)
    names = {each["id"]: name for name, each in made.items()}
    return lambda **parameters: [names[each] for each in call.ids(**parameters)], registration


def test_filters_find_what_the_specification_says(told, make):
    found, registration = told
    assert found(agent=make.agent("ben")) == ["group", "about ben", "ben"]
    assert found(agent=make.agent("ben"), related_agents="true") == ["sub", "context", "group", "about ben", "ben"]
    assert found(agent={**make.agent("ben"), "objectType": "Agent", "name": "whatever"}, verb=make.verb()) == [
        "group",
        "about ben",
    ]
    assert found(activity=make.activity()["id"]) == ["ben", "plain"]
    assert found(activity=make.activity()["id"], related_activities="true") == ["sub", "context", "ben", "plain"]
    assert found(verb=make.verb("asked")) == ["ben"]
    assert found(verb=make.verb("planned")) == []
    assert found(registration=registration.upper()) == ["context"]
    assert found(agent=make.agent("cem"), activity=make.activity("quiz")["id"]) == ["context", "group"]
    assert found(
        agent=make.agent("cem"), activity=make.activity("quiz")["id"], registration=registration, verb=make.verb()
    ) == ["context"]
    assert found(agent=make.agent("nobody")) == []
    assert found(agent=make.agent("cem"), ascending="true") == ["group", "context", "sub"]


def test_since_is_after_and_until_is_at_or_before(call, make):
    for _ in range(4):
        call.store(make.statement())
    listed = call("GET", "statements", params={"verb": make.verb(), "ascending": "true"}).json()["statements"]
    ids, times = [each["id"] for each in listed], [each["stored"] for each in listed]
    assert call.ids(verb=make.verb(), since=times[1], ascending="true") == ids[2:]
    assert call.ids(verb=make.verb(), until=times[1], ascending="true") == ids[:2]
    assert call.ids(verb=make.verb(), since=times[0], until=times[2]) == ids[2:0:-1]


@pytest.mark.parametrize("ascending", ["true", "false"])
def test_more_leads_through_everything_once_and_never_expires(call, make, ascending):
    sent = [make.statement() for _ in range(23)]
    call.store(*sent)
    expected = [each["id"] for each in sent]
    if ascending == "false":
        expected.reverse()
    first = call("GET", "statements", params={"verb": make.verb(), "limit": 5, "ascending": ascending}).json()
    assert first["more"].startswith("/xapi/statements?")
    late = make.statement()
    call.store(late)
    found, more = [each["id"] for each in first["statements"]], first["more"]
    while more:
        answer = call("GET", more, 200).json()
        found, more = found + [each["id"] for each in answer["statements"]], answer["more"]
    assert found == (expected if ascending == "false" else [*expected, late["id"]])


def test_a_page_that_ends_exactly_at_the_end_has_no_more(call, make):
    call.store(*[make.statement() for _ in range(4)])
    answer = call("GET", "statements", params={"verb": make.verb(), "limit": 4}).json()
    assert (len(answer["statements"]), answer["more"]) == (4, "")


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "-1"}, {"limit": "ten"}, {"since": "yesterday"}, {"format": "pretty"}, {"ascending": "1"}, {"verb": "no iri"},
        {"agent": "{"}, {"agent": '{"mbox":"x"}'}, {"agent": '{"objectType":"Group","member":[]}'}, {"registration": "1"}, {"Limit": "1"},
        {"statementId": "x"}, {"statementId": ABSENT, "limit": "1"}, {"cursor": "abc"},
        {"statementId": ABSENT, "voidedStatementId": ABSENT},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_parameter_is_refused(call, parameters):
    assert call("GET", "statements", 400, params=parameters).json()["error"]


def test_head_is_get_without_a_body(call, make):
    sent = make.statement()
    call.store(sent)
    head = call("HEAD", "statements", 200, params={"statementId": sent["id"]})
    get = call("GET", "statements", 200, params={"statementId": sent["id"]})
    assert head.content == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert head.headers["Last-Modified"] == get.headers["Last-Modified"]


# --- voiding and references --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))), ids=["voided after", "voiding first"])
def test_a_voided_statement_is_found_only_as_voided_whatever_came_first(call, make, order):
    target = make.statement()
    both = [target, make.voiding(target["id"])]
    for place in order:
        call.store(both[place])
    call("GET", "statements", 404, params={"statementId": target["id"]})
    assert call("GET", "statements", 200, params={"voidedStatementId": target["id"]}).json()["id"] == target["id"]
    assert call.ids(agent=make.agent("admin")) == [both[1]["id"]]
    assert call.ids(verb=make.verb()) == [both[1]["id"]], (
        "who points at a match is found, even when the match is voided"
    )


def test_a_voiding_statement_cannot_be_voided(call, make):
    target = make.statement()
    voiding = make.voiding(target["id"])
    call.store(target, voiding)
    call.store(make.voiding(voiding["id"]))
    assert call("GET", "statements", 200, params={"statementId": voiding["id"]}).json()["id"] == voiding["id"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_statements_that_point_at_a_match_are_found_in_whatever_order_they_came(call, make, order):
    first = make.statement(verb={"id": make.verb("asked")})
    second = make.statement(
        actor=make.agent("ben"),
        verb={"id": make.verb("noted")},
        object={"objectType": "StatementRef", "id": first["id"]},
    )
    third = make.statement(
        actor=make.agent("cem"),
        verb={"id": make.verb("seen")},
        object={"objectType": "StatementRef", "id": second["id"]},
    )
    chain = [first, second, third]
    for place in order:
        call.store(chain[place])
    everything = {each["id"] for each in chain}
    assert set(call.ids(agent=make.agent(), verb=make.verb("asked"))) == everything
    assert set(call.ids(activity=make.activity()["id"])) == everything
    assert set(call.ids(agent=make.agent("ben"))) == {second["id"], third["id"]}
    assert call.ids(agent=make.agent("ben"), verb=make.verb("asked")) == [], (
        "one statement must meet all conditions, not two together"
    )


def test_statements_that_point_at_each_other_do_no_harm(call, make):
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    call.store(
        make.statement(id=one, object={"objectType": "StatementRef", "id": two}),
        make.statement(id=two, object={"objectType": "StatementRef", "id": one}),
        make.statement(object={"objectType": "StatementRef", "id": "00000000-0000-4000-8000-000000000000"}),
    )
    assert len(call.ids(verb=make.verb())) == 3


# --- formats --------------------------------------------------------------------------------------------------------------------------------


def test_ids_leaves_identifiers_only(call, make):
    sent = make.statement(
        actor={**make.agent(), "name": "Anna"},
        verb={"id": make.verb(), "display": {"en": "did"}},
        object=make.activity(name={"en": "Course"}),
        context={"team": {"objectType": "Group", "name": "T", "member": [{**make.agent("ben"), "name": "Ben"}]}},
    )
    call.store(sent)
    got = call("GET", "statements", params={"statementId": sent["id"], "format": "ids"}).json()
    assert got["actor"] == make.agent()
    assert got["verb"] == {"id": make.verb()}
    assert got["object"] == {"id": sent["object"]["id"]}
    assert got["context"]["team"] == {"objectType": "Group", "member": [make.agent("ben")]}


def test_canonical_speaks_the_readers_language_with_all_that_is_known(call, make):
    call.store(
        make.statement(object=make.activity(name={"en": "Course", "nl": "Cursus"}, type="https://t.example/course"))
    )
    sent = make.statement(
        verb={"id": make.verb(), "display": {"en": "did", "nl": "deed"}}, object=make.activity(name={"fr": "Cours"})
    )
    call.store(sent)
    asked = {
        "params": {"statementId": sent["id"], "format": "canonical"},
        "headers": {"Accept-Language": "de, nl;q=0.8, en;q=0.5"},
    }
    got = call("GET", "statements", 200, **asked).json()
    assert got["object"]["definition"] == {"name": {"nl": "Cursus"}, "type": "https://t.example/course"}
    assert got["verb"]["display"] == {"nl": "deed"}


def test_context_activities_come_back_as_lists(call, make):
    sent = make.statement(context={"contextActivities": {"parent": make.activity("p")}})
    call.store(sent)
    got = call("GET", "statements", params={"statementId": sent["id"]}).json()
    assert got["context"]["contextActivities"] == {"parent": [make.activity("p")]}

"""Moodle by its log: the contract, every row of the recorded log on three databases, and each trap that such a log holds."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from moodle_database import SITE as TABLES
from moodle_database import empty_database, exported, fill, log, moodle, tables
from source_contract import (
    HOME_PAGE,
    KEY,
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

from connectors.mapping import Mapper, Quarantined
from connectors.source import Record, Window
from connectors.sources.moodle import Moodle, MoodleLog
from connectors.sources.moodle.events import EVENTS, SILENT
from connectors.sources.moodle.rows import Lookups, Rows, unpacked
from connectors.sources.moodle.tables import Database, Given
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, LeerstroomError, Unreachable
from leerstroom.people import Directory
from leerstroom.replay import running
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

TENANT = "https://academie.voorbeeldstad.example"
FIELDS = {
    "host": TENANT,
    "mandatory_courses": {"AVG-2026": "2026-11-30", "ONB-2026": 30},
    "chosen_courses": ["LEI-*"],
    "communities": ["COP-DATA"],
}
WHOLE = Window(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
NOON = 1_793_700_000
DATABASES = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moodle("sqlite", tmp_path_factory.mktemp("moodle")) as url:
        yield url


@pytest.fixture(scope="module", params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moodle(request.param, tmp_path_factory.mktemp(request.param)) as url:
        yield url


def connect(database: str = "", **fields: Any) -> MoodleLog:
    return completed(MoodleLog, {**FIELDS, "database": database, **fields})  # type: ignore[return-value]


def pull(database: str, window: Window = WHOLE, **fields: Any) -> tuple[MoodleLog, list[Record]]:
    source = connect(database, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


def verb_of(statement: dict[str, Any]) -> str:
    return canonical_verb(statement["verb"]["id"])


def type_of(statement: dict[str, Any]) -> str | None:
    return statement["object"].get("definition", {}).get("type")


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


class TestMoodleLog(SourceContract):
    source = MoodleLog
    window = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    names = ("Anouk de Vries", "Bakker-Hofman", "Margriet", "Beste collega", "inwerkplan van", "Sprint 24")

    @pytest.fixture(autouse=True)
    def _database(self, site: str) -> None:
        self._url = site

    def connection(self, url: str | None) -> dict[str, Any]:
        return {**FIELDS, "database": self._url}


@pytest.mark.parametrize("pair", pairs("moodle_log"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(MoodleLog, pair)


# --- the whole log ----------------------------------------------------------------------------------------------------------------------


def test_each_of_the_4106_rows_is_mapped_or_ignored_with_a_reason(database: str) -> None:
    source, records = pull(database)
    mapper, made = mapped(source, landed(source, records))
    assert mapper.counts.pulled == len(records) == 4106
    assert mapper.counts.balances
    assert not mapper.counts.quarantined
    told = Counter((verb_of(each), type_of(each)) for each in statements_of(made))
    assert told["asked", types.FORUM_TOPIC] + told["posted", types.FORUM_TOPIC] == 34
    assert told["answered", types.FORUM_REPLY] + told["replied", types.FORUM_REPLY] == 145
    assert told["passed", types.ASSESSMENT] + told["failed", types.ASSESSMENT] == 65
    assert told["completed", types.COURSE] + told["completed", types.COMMUNITY_SITE] == 39
    assert told["deleted", types.FORUM_REPLY] == 1


def test_the_one_deleted_reply_leaves_144(site: str) -> None:
    source, records = pull(site)
    made = mapped(source, landed(source, records))[1]
    gone = {each.key for each in made if isinstance(each, Retracted)}
    replies = [
        each for each in statements_of(made) if type_of(each) == types.FORUM_REPLY and verb_of(each) != "deleted"
    ]
    left = [each for each in replies if extension(each, "record") not in gone]
    assert (len(replies), len(left)) == (145, 144)
    posts = [row for row in exported(TABLES / "forum_posts.csv") if row["parent"] != "0"]
    assert len(left) == len(posts)


_DONE = {  # event of the log -> (who learns by it, what it is here)
    "discussion_created": ("userid", ({"asked", "posted"}, {types.FORUM_TOPIC})),
    "post_created": ("userid", ({"answered", "replied"}, {types.FORUM_REPLY})),
    "attempt_submitted": ("relateduserid", ({"passed", "failed"}, {types.ASSESSMENT})),
    "course_completed": ("relateduserid", ({"completed"}, {types.COURSE, types.COMMUNITY_SITE})),
}


def test_each_discussion_reply_attempt_and_completion_is_stated_once_with_the_learner_as_actor(database: str) -> None:
    """The rows of the log beside the statements, person by person: 34, 145, 65 and 39 of them."""
    expected: Counter[tuple[str, str]] = Counter()
    for row in log():
        name = str(row["eventname"]).rsplit("\\", 1)[1]
        if name in _DONE:
            expected[name, KEY.account(TENANT, str(row[_DONE[name][0]]))] += 1
    source, records = pull(database)
    found: Counter[tuple[str, str]] = Counter()
    facts: list[str] = []
    for each in statements_of(mapped(source, landed(source, records))[1]):
        for name, (_, (words, kinds)) in _DONE.items():
            if verb_of(each) in words and type_of(each) in kinds:
                found[name, each["actor"]["account"]["name"]] += 1
                facts.append(extension(each, "record"))
    assert found == expected
    assert Counter(name for name, _ in expected.elements()) == {"discussion_created": 34, "post_created": 145, "attempt_submitted": 65, "course_completed": 39}  # fmt: skip
    assert len(set(facts)) == len(facts) == 34 + 145 + 65 + 39


def test_each_fact_is_told_once(site: str) -> None:
    source, records = pull(site)
    stated = statements_of(mapped(source, landed(source, records))[1])
    assert len({each["id"] for each in stated}) == len(stated)
    facts = Counter(
        (each["actor"]["account"]["name"], verb_of(each), each["object"]["id"]) for each in stated
        if verb_of(each) in {"asked", "posted", "replied", "scored"} or (type_of(each) in {types.COURSE, types.COMMUNITY_SITE} and verb_of(each) == "completed")
    )  # fmt: skip
    assert max(facts.values()) == 1


def test_all_databases_give_the_same_statements(database: str, site: str) -> None:
    one, other = (pull(url) for url in (database, site))
    assert [[record.key, record] for record in landed(*one)] == [[record.key, record] for record in landed(*other)]


def test_the_same_rows_out_of_csv_files_give_the_same_statements(tmp_path: Path, site: str) -> None:
    import csv

    for name, rows in tables().items():
        with (tmp_path / f"mdl_{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    source = connect()
    found = list(source.read_file(str(tmp_path / "mdl_logstore_standard_log.csv")))
    told = {each["id"] for each in statements_of(mapped(source, landed(source, found))[1])}
    assert told == {each["id"] for each in statements_of(mapped(source, landed(source, pull(site)[1]))[1])}
    with pytest.raises(BadRecord, match="no export"):
        list(source.read_file(str(tmp_path / "mdl_course.csv")))


def test_a_page_of_the_log_costs_some_queries_and_not_a_query_a_row(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    find = Database.find

    def counting(self: Database, table: str, column: str, values: Any) -> Any:
        asked[table] += 1
        return find(self, table, column, values)

    monkeypatch.setattr(Database, "find", counting)
    pull(site)
    assert asked.total() < 150, asked


def test_the_actors_are_learners_and_never_a_trainer_who_graded_cron_or_nobody(site: str) -> None:
    source, records = pull(site)
    stated = statements_of(mapped(source, landed(source, records))[1])
    names = {each["actor"]["account"]["name"] for each in stated}
    assert names.isdisjoint({KEY.account(TENANT, each) for each in ("-1", "0", "1")})
    trainers = {KEY.account(TENANT, each) for each in ("28", "29")}
    for each in stated:
        if verb_of(each) in {"scored", "passed", "failed", "earned", "registered", "submitted"}:
            assert each["actor"]["account"]["name"] not in trainers
    graded = [each for each in stated if verb_of(each) == "scored"]
    assert {each["context"]["instructor"]["account"]["name"] for each in graded} <= trainers


# --- both ways of one site -----------------------------------------------------------------------------------------------------------------


def test_log_and_web_services_tell_the_same_fact_in_the_same_words(site: str) -> None:
    """Same person, verb, object and time: the indicators then count it once (R2). Only the dates of enrolments differ, which the services do not know."""
    with running(RECORDINGS / "demo", only=("moodle",), clock=datetime(2026, 11, 24, 8, tzinfo=UTC)) as server:
        services = completed(
            Moodle, {**FIELDS, "host": f"{server.url}/moodle", "tenant": TENANT, "token": "demo-token-of-the-academy"}
        )
        with services.api() as api:
            theirs = statements_of(mapped(services, landed(services, list(services.pull(api, WHOLE))))[1])
    source, records = pull(site)
    ours = {_said(each): each for each in statements_of(mapped(source, landed(source, records))[1])}
    enrolments = [each for each in theirs if verb_of(each) in {"registered", "joined"}]
    facts = [each for each in theirs if each not in enrolments]
    assert len(facts) == 426
    assert [_said(each) for each in facts if _said(each) not in ours] == []
    for each in facts:
        same = ours[_said(each)]
        assert same["object"] == each["object"]
        assert same["context"].get("registration") == each["context"].get("registration")
        assert (
            same["context"]["contextActivities"]["grouping"] == each["context"]["contextActivities"]["grouping"]
            if type_of(each) not in {types.COURSE, types.COMMUNITY_SITE}
            else True
        )


def _said(statement: dict[str, Any]) -> tuple[str, str, str, str]:
    return (
        statement["actor"]["account"]["name"],
        statement["verb"]["id"],
        statement["object"]["id"],
        statement["timestamp"],
    )


# --- traps of the log ----------------------------------------------------------------------------------------------------------------------


def row(event: str, **fields: Any) -> dict[str, Any]:
    component, name = event.split("/")
    level = 70 if component.startswith("mod_") or "module" in name else 50
    return {
        "id": 900, "eventname": f"\\{component}\\event\\{name}", "objecttable": None, "objectid": None, "contextlevel": level, "contextinstanceid": 7 if level == 70 else 2, "userid": 5,
        "courseid": 2, "relateduserid": None, "anonymous": 0, "other": None, "timecreated": NOON, "origin": "web", "realuserid": None, **fields,
    }  # fmt: skip


SMALL = {
    "course": [{"id": 2, "shortname": "ONB-2026", "idnumber": "LRN-001", "fullname": "Onboarding"}],
    "course_modules": [{"id": 7, "course": 2, "module": 1, "instance": 3, "section": 4}],
    "modules": [{"id": 1, "name": "page"}],
    "page": [{"id": 3, "name": "Welkom"}],
    "user": [{"id": 5, "email": "anouk@example.org", "idnumber": "E01014"}],
}


def outcomes(*rows: dict[str, Any], source: MoodleLog | None = None, **more: Any) -> tuple[Mapper, list[Any]]:
    used = source or connect()
    found = list(used.read({"logstore_standard_log": list(rows), **SMALL, **more}))
    return mapped(used, landed(used, found))


def stated(*rows: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return statements_of(outcomes(*rows, **more)[1])


def ignored(*rows: dict[str, Any], **more: Any) -> list[str]:
    mapper, made = outcomes(*rows, **more)
    assert statements_of(made) == []
    assert mapper.counts.balances
    return list(mapper.counts.ignored)


def test_the_actor_is_not_always_the_user_of_the_row() -> None:
    enrolled, completion, done, badge = stated(
        row("core/user_enrolment_created", userid=2, relateduserid=5, objectid=50, other='{"enrol":"manual"}'),
        row("core/course_module_completion_updated", userid=0, relateduserid=5, other='{"completionstate":1}'),
        row("core/course_completed", userid=-1, relateduserid=5),
        row("core/badge_awarded", userid=2, relateduserid=5, objectid=1),
    )
    assert [verb_of(each) for each in (enrolled, completion, done, badge)] == [
        "registered",
        "completed",
        "completed",
        "earned",
    ]
    assert {each["actor"]["account"]["name"] for each in (enrolled, completion, done, badge)} == {
        KEY.account(TENANT, "5")
    }


def test_a_grade_is_the_learners_and_a_total_computed_by_minus_one_is_none() -> None:
    items = {
        "grade_items": [{"id": 2, "itemtype": "mod", "itemmodule": "scorm", "iteminstance": 3, "grademax": 10, "grademin": 0}, {"id": 1, "itemtype": "course", "grademax": 10}],
        "modules": [{"id": 1, "name": "scorm"}],
    }  # fmt: skip
    given = row(
        "core/user_graded", userid=28, relateduserid=5, objectid=9, other='{"itemid":"2","finalgrade":"8.00000"}'
    )
    total = row(
        "core/user_graded", userid=-1, relateduserid=5, objectid=8, other='{"itemid":"1","finalgrade":"8.00000"}'
    )
    [scored] = stated(given, total, **items)
    assert scored["actor"]["account"]["name"] == KEY.account(TENANT, "5")
    assert scored["result"]["score"] == {"raw": 8.0, "min": 0.0, "max": 10.0, "scaled": 0.8}
    assert scored["object"]["id"].endswith("/mod/scorm/view.php?id=7")


@pytest.mark.parametrize("user", [0, -1, None])
def test_visitors_and_programs_are_dropped(user: Any) -> None:
    assert ignored(row("mod_page/course_module_viewed", userid=user)) == ["by a visitor or a program, not by a person"]


@pytest.mark.parametrize("user", [0, -1, "0", "-1"])
@pytest.mark.parametrize(
    "event", ["mod_forum/discussion_created", "core/user_graded", "mod_quiz/attempt_submitted", "core/course_completed"]
)
def test_no_fact_is_a_visitors_or_crons_either(event: str, user: Any) -> None:
    assert ignored(row(event, userid=user, relateduserid=None)) == ["by a visitor or a program, not by a person"]


def test_course_1_is_the_site_and_no_course() -> None:
    assert ignored(row("core/course_viewed", courseid=1)) == ["page of the site, not of a course"]
    [login] = stated(row("core/user_loggedin", courseid=0, contextlevel=10, contextinstanceid=0))
    assert "grouping" not in login["context"]["contextActivities"]
    assert login["object"]["id"] == TENANT


@pytest.mark.parametrize("event", ["mod_feedback/response_submitted", "mod_feedback/course_module_viewed"])
def test_anonymous_still_carries_the_user_and_is_not_published_with_the_actor(event: str) -> None:
    source = connect()
    feedback = {"modules": [{"id": 1, "name": "feedback"}], "feedback": [{"id": 3, "name": "Evaluatie"}]}
    payload = {"logstore_standard_log": [row(event, anonymous=1, relateduserid=5)], **SMALL, **feedback}
    kept = landed(source, list(source.read(payload)))
    [made] = statements_of(mapped(source, kept)[1])
    assert made["actor"]["account"] == {"homePage": TENANT, "name": "anonymous"}
    written = json.dumps([kept, made])
    assert not any(
        secret in written for secret in (KEY.account(TENANT, "5"), KEY.hr("E01014"), KEY.email("anouk@example.org"))
    )
    assert "registration" not in made["context"]


def test_a_feedback_that_is_anonymous_by_its_own_table_has_no_actor_either() -> None:
    feedback = {
        "modules": [{"id": 1, "name": "feedback"}],
        "feedback_completed": [{"id": 1, "feedback": 3, "anonymous_response": 1}],
    }
    [made] = stated(row("mod_feedback/response_submitted", objectid=1), **feedback)
    assert made["actor"]["account"]["name"] == "anonymous"


def test_a_deleted_user_has_a_hash_in_the_place_of_the_address_and_keeps_the_number() -> None:
    source = connect()
    gone = {"user": [{"id": 5, "email": "0b6b3ef5d2b94f0f2a2f2c2c9d7d3e11", "idnumber": ""}]}
    [record] = source.read({"logstore_standard_log": [row("mod_page/course_module_viewed")], **SMALL, **gone})
    assert record["person"] == {"account": "5", "email": None, "hr": None}


def test_what_a_row_says_of_a_deleted_user_or_a_login_never_lands() -> None:
    source = connect()
    other = json.dumps({"username": "yara", "email": "yara@example.org", "idnumber": "E01175"})
    rows = [row("core/user_deleted", other=other), row("core/user_loggedin", other=other)]
    assert "yara" not in json.dumps(landed(source, list(source.read({"logstore_standard_log": rows}))))


def test_a_changed_address_leaves_the_account_the_same() -> None:
    before, after = (
        stated(row("mod_page/course_module_viewed"), user=[{"id": 5, "email": address, "idnumber": ""}])
        for address in ("old@example.org", "new@example.org")
    )
    assert before == after


def test_a_deleted_module_keeps_its_number_and_what_the_row_says() -> None:
    nothing: dict[str, Any] = {"course_modules": []}
    [viewed] = stated(
        row("mod_url/course_module_viewed", objecttable="url", objectid=2, contextinstanceid=22), **nothing
    )
    assert viewed["object"]["id"] == f"{TENANT}/mod/url/view.php?id=22"
    assert type_of(viewed) == types.LINK
    lost = row(
        "core/course_module_completion_updated", relateduserid=5, contextinstanceid=22, other='{"completionstate":1}'
    )
    mapper, made = outcomes(lost, **nothing)
    assert [each.reason for each in made if isinstance(each, Quarantined)] == [
        "a module that is gone, of an unknown sort"
    ]
    assert mapper.counts.balances


def test_the_sort_of_a_deleted_module_is_found_in_the_log_itself(site: str) -> None:
    _, records = pull(site)
    theirs = [each for each in records if each.kind == "activity_completion" and each["module"]["cmid"] == "22"]
    assert len(theirs) == 11
    assert {each["module"]["modname"] for each in theirs} == {"url"}


def test_one_act_gives_several_rows_and_is_counted_once() -> None:
    submission = row("mod_assign/assessable_submitted", objectid=1)
    beside = [
        row(name, objectid=1)
        for name in (
            "mod_assign/submission_status_viewed", "assignsubmission_onlinetext/assessable_uploaded", "assignsubmission_onlinetext/submission_created",
        )
    ]  # fmt: skip
    [made] = stated(submission, *beside)
    assert verb_of(made) == "submitted"
    post = row("mod_forum/post_created", objectid=21, other='{"discussionid":8}')
    [made] = stated(
        post, row("mod_forum/assessable_uploaded", objectid=21), row("mod_forum/discussion_subscription_created")
    )
    assert verb_of(made) == "replied"


def test_effects_may_stand_before_their_cause() -> None:
    completion = row("core/course_module_completion_updated", id=1, relateduserid=5, other='{"completionstate":1}')
    viewed = row("mod_page/course_module_viewed", id=2)
    assert sorted(each["id"] for each in stated(completion, viewed)) == sorted(
        each["id"] for each in stated(viewed, completion)
    )


def test_completionstate_0_is_not_uncompleted() -> None:
    prepared = row("core/course_module_completion_updated", objectid=77, relateduserid=5, other='{"completionstate":0}')
    mapper, made = outcomes(
        prepared, course_modules_completion=[{"id": 77, "completionstate": 1, "timemodified": NOON}]
    )
    assert made == []
    assert list(mapper.counts.ignored) == ["completion that was only prepared, nothing was undone"]
    assert ignored(prepared) == ["completion that was only prepared, nothing was undone"], (
        "a line that is gone undoes nothing"
    )


def test_a_completion_that_the_site_still_calls_undone_takes_back_what_was_stated() -> None:
    undone = row("core/course_module_completion_updated", objectid=77, relateduserid=5, other='{"completionstate":0}')
    made = outcomes(undone, course_modules_completion=[{"id": 77, "completionstate": 0, "timemodified": NOON}])[1]
    [done] = stated(
        row("core/course_module_completion_updated", objectid=77, relateduserid=5, other='{"completionstate":1}')
    )
    assert extension(done, "record") in {each.key for each in made if isinstance(each, Retracted)}


def test_state_3_is_complete_with_a_fail() -> None:
    [made] = stated(row("core/course_module_completion_updated", relateduserid=5, other='{"completionstate":3}'))
    assert verb_of(made) == "failed"
    assert made["result"] == {"completion": True, "success": False}


def test_calls_of_web_services_are_no_learning() -> None:
    assert ignored(row("core/webservice_function_called", other='{"function":"core_user_get_users"}')) == [
        "call of a web service"
    ]


def test_what_an_administrator_did_under_a_learners_account_is_not_the_learners() -> None:
    assert ignored(row("mod_page/course_module_viewed", realuserid=2)) == [
        "done by an administrator under this person's account"
    ]


def test_rows_out_of_a_backup_are_copies() -> None:
    assert ignored(row("mod_page/course_module_viewed", origin="restore")) == ["copy of an older log out of a backup"]


@pytest.mark.parametrize(
    "other",
    ['{"completionstate":2}', '{"completionstate":"2"}', 'a:1:{s:15:"completionstate";i:2;}', {"completionstate": 2}],
)
def test_other_is_json_or_serialised_by_php_with_numbers_as_text_or_not(other: Any) -> None:
    [made] = stated(row("core/course_module_completion_updated", relateduserid=5, other=other))
    assert made["result"] == {"completion": True, "success": True}


@pytest.mark.parametrize(
    "other", ["null", "N;", "", None, "{broken", 'a:1:{s:3:"x"', "[1]", "a:99999999:{", 7, "x" * 200_000, "[" * 5_000]
)
def test_what_other_holds_may_be_anything(other: Any) -> None:
    assert unpacked(other) == {}


def test_a_log_that_started_anew_makes_no_statement_of_another_fact() -> None:
    before, after = (
        stated(row("mod_page/course_module_viewed", id=12, timecreated=at)) for at in (NOON, NOON + 86_400)
    )
    assert before[0]["id"] != after[0]["id"]


def test_rows_that_share_a_second_are_all_read(database: str) -> None:
    seconds = Counter(each["timecreated"] for each in log())
    assert sum(count > 1 for count in seconds.values()) > 200
    busiest = max(seconds, key=lambda second: seconds[second])
    start = datetime.fromtimestamp(int(busiest), UTC)
    assert len(pull(database, Window(start, start + timedelta(seconds=1)))[1]) == seconds[busiest]


def test_more_rows_of_one_second_than_fit_on_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.moodle.tables._PER_PAGE", 7)
    rows = [row("mod_page/course_module_viewed", id=number) for number in range(1, 31)]
    with empty_database("sqlite", tmp_path) as url:
        fill(url, {"logstore_standard_log": rows, **SMALL})
        start = datetime.fromtimestamp(NOON, UTC)
        assert len(pull(url, Window(start, start + timedelta(seconds=1)))[1]) == 30


def test_a_row_that_was_committed_late_is_found_by_the_look_back(tmp_path: Path) -> None:
    first, late = (
        row("mod_page/course_module_viewed", id=20),
        row("mod_page/course_module_viewed", id=19, timecreated=NOON - 5),
    )
    end = datetime.fromtimestamp(NOON + 60, UTC)
    night = Window(end, end + timedelta(days=1)).widened(MoodleLog.look_back)
    with empty_database("sqlite", tmp_path) as url:
        fill(url, {"logstore_standard_log": [first], **SMALL})
        before = {record.key for record in pull(url, night)[1]}
        engine = sql.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"INSERT INTO mdl_logstore_standard_log (id, eventname, contextlevel, contextinstanceid, userid, courseid, timecreated) VALUES (19, '{late['eventname']}', 70, 7, 5, 2, {NOON - 5})"
            )
        engine.dispose()
        assert {record.key for record in pull(url, night)[1]} - before == {f"{NOON - 5}/19"}


def test_the_prefix_of_tables_is_a_setting(tmp_path: Path) -> None:
    with empty_database("sqlite", tmp_path) as url:
        fill(url, {"logstore_standard_log": [row("mod_page/course_module_viewed")], **SMALL}, prefix="m_")
        assert len(pull(url, prefix="m_")[1]) == 1
        with pytest.raises(ConfigurationError, match="mdl_logstore_standard_log"):
            pull(url)


def test_only_the_courses_of_the_setting_are_read(site: str) -> None:
    source, records = pull(site, courses=["AVG-*"])
    mapper, made = mapped(source, landed(source, records))
    assert mapper.counts.pulled == 4106
    assert mapper.counts.ignored["of a course that is not read"] > 100
    assert {
        each["context"]["contextActivities"]["grouping"][0]["id"]
        for each in statements_of(made)
        if "grouping" in each["context"]["contextActivities"]
    } == {f"{TENANT}/course/view.php?id=3"}


def test_a_message_a_note_and_a_look_at_somebody_are_counted_and_nothing_else() -> None:
    for event in ("core/message_sent", "core/note_created", "core/user_profile_viewed", "mod_forum/user_report_viewed"):
        source = connect()
        [kept] = landed(source, list(source.read(row(event, relateduserid=6, objectid=6))))
        assert kept["person"] == {}
        assert SILENT[event] in ignored(row(event))


def test_a_regrade_states_the_attempt_anew_and_takes_back_the_other_verdict() -> None:
    quiz = {"modules": [{"id": 1, "name": "quiz"}], "quiz": [{"id": 3, "name": "Toets", "grade": 10, "sumgrades": 4}], "grade_items": [{"id": 1, "itemmodule": "quiz", "iteminstance": 3, "gradepass": 5.5}]}  # fmt: skip

    def attempt(points: float, changed: int) -> dict[str, Any]:
        return {**quiz, "quiz_attempts": [{"id": 30, "quiz": 3, "userid": 5, "uniqueid": 1, "state": "finished", "timestart": NOON - 600, "timefinish": NOON, "timemodified": changed, "sumgrades": points}]}  # fmt: skip

    [failed] = stated(row("mod_quiz/attempt_submitted", objectid=30, relateduserid=5), **attempt(2, NOON))
    made = outcomes(
        row("mod_quiz/attempt_regraded", objectid=30, relateduserid=5, userid=28, timecreated=NOON + 900),
        **attempt(3, NOON + 900),
    )[1]
    [passed] = statements_of(made)
    assert (verb_of(failed), verb_of(passed)) == ("failed", "passed")
    assert passed["timestamp"] == failed["timestamp"]
    assert passed["actor"] == failed["actor"]
    assert extension(failed, "record") in {each.key for each in made if isinstance(each, Retracted)}


def test_a_comment_that_is_deleted_takes_back_what_was_stated() -> None:
    wiki = {"modules": [{"id": 1, "name": "wiki"}]}
    [said] = stated(row("mod_wiki/comment_created", objectid=4, other='{"itemid":9}'), **wiki)
    made = outcomes(row("mod_wiki/comment_deleted", objectid=4, other='{"itemid":"9"}', userid=28), **wiki)[1]
    assert extension(said, "record") in {each.key for each in made if isinstance(each, Retracted)}


def test_a_badge_that_is_revoked_is_no_longer_earned_by_that_person() -> None:
    earned = {each: stated(row("core/badge_awarded", userid=2, relateduserid=each, objectid=1))[0] for each in (5, 6)}
    made = outcomes(row("core/badge_revoked", userid=2, relateduserid=5, objectid=1))[1]
    assert statements_of(made) == []
    assert [each.key for each in made if isinstance(each, Retracted)] == [extension(earned[5], "record")]
    assert extension(earned[6], "record") != extension(earned[5], "record")


def test_who_runs_a_course_learns_nothing_by_it() -> None:
    [made] = stated(row("mod_book/chapter_created", objectid=1), modules=[{"id": 1, "name": "book"}])
    assert extension(made, "actor-role") == "organizer"


def test_what_a_trainer_does_in_the_own_course_carries_that_role() -> None:
    role = {
        "role_assignments": [{"id": 1, "roleid": 3, "contextid": 40, "userid": 5}],
        "role": [{"id": 3, "shortname": "editingteacher"}],
        "context": [{"id": 40, "contextlevel": 50, "instanceid": 2}],
    }
    [made] = stated(row("mod_page/course_module_viewed"), **role)
    assert extension(made, "actor-role") == "trainer"
    assert ignored(row("core/user_enrolment_created", relateduserid=5, userid=2, objectid=1), **role) == [
        "enrolled as a trainer"
    ]


def test_answered_questions_have_no_time_of_their_own() -> None:
    quiz = {
        "modules": [{"id": 1, "name": "quiz"}],
        "quiz_attempts": [{"id": 30, "quiz": 3, "userid": 5, "uniqueid": 1, "state": "finished", "timestart": NOON - 600, "timefinish": NOON, "timemodified": NOON, "sumgrades": 2}],
        "question_attempts": [{"id": each, "questionusageid": 1, "questionid": each, "responsesummary": "Waar", "rightanswer": "Waar"} for each in range(1, 11)],
    }  # fmt: skip
    attempt, *answers = stated(row("mod_quiz/attempt_submitted", objectid=30, relateduserid=5), **quiz)
    assert attempt["result"]["duration"] == "PT10M"
    assert len(answers) == 10
    assert {each["result"]["duration"] for each in answers} == {"PT0S"}
    assert "Waar" not in json.dumps(answers)


def test_a_quiz_of_ten_questions_is_ten_minutes_of_learning_and_not_a_hundred() -> None:
    from leerstroom.classification import load_rules
    from leerstroom.indicators import compute
    from leerstroom.mirror.columns import to_table
    from leerstroom.people.directory import Employee

    quiz = {
        "modules": [{"id": 1, "name": "quiz"}],
        "quiz_attempts": [{"id": 30, "quiz": 3, "userid": 5, "uniqueid": 1, "state": "finished", "timestart": NOON - 600, "timefinish": NOON, "timemodified": NOON, "sumgrades": 2}],
        "question_attempts": [{"id": each, "questionusageid": 1, "questionid": each, "responsesummary": "Waar", "rightanswer": "Waar"} for each in range(1, 11)],
    }  # fmt: skip
    directory = Directory([Employee("E01014")])
    source = connect()
    payload = {
        "logstore_standard_log": [row("mod_quiz/attempt_submitted", objectid=30, relateduserid=5)],
        **SMALL,
        **quiz,
    }
    made = statements_of(mapped(source, landed(source, list(source.read(payload))), directory)[1])
    assert len(made) == 11
    day = datetime.fromtimestamp(NOON, UTC).date()
    with compute(
        to_table(made), directory, rules=load_rules(), coverage=None, from_=day, to=day, as_of=day, windows=None,
        pseudonyms=KEY, home_page=HOME_PAGE, only=["formal_learning_minutes"],
    ) as values:  # fmt: skip
        told = {(each["grain"], each["subject"]): each["value"] for each in values.rows()}
    assert told["employee_day", "E01014"] == 10


# --- attendance ----------------------------------------------------------------------------------------------------------------------------


def test_a_seminar_says_when_it_ended_and_who_was_there() -> None:
    seminar = {
        "modules": [{"id": 1, "name": "facetoface"}],
        "facetoface_sessions_dates": [{"id": 1, "sessionid": 60, "timestart": NOON - 90_000, "timefinish": NOON - 79_200}, {"id": 2, "sessionid": 60, "timestart": NOON - 10_800, "timefinish": NOON - 3_600}],
        "facetoface_signups": [{"id": 1, "sessionid": 60, "userid": 5}, {"id": 2, "sessionid": 60, "userid": 6}, {"id": 3, "sessionid": 60, "userid": 7}],
        "facetoface_signups_status": [{"id": 1, "signupid": 1, "statuscode": 100, "superceded": 0}, {"id": 2, "signupid": 2, "statuscode": 80, "superceded": 0}, {"id": 3, "signupid": 3, "statuscode": 90, "superceded": 0}],
    }  # fmt: skip
    mapper, made = outcomes(row("mod_facetoface/take_attendance", userid=28, objectid=60), **seminar)
    whole, part = statements_of(made)
    assert {verb_of(each) for each in (whole, part)} == {"attended"}
    assert whole["result"] == {"completion": True, "duration": "PT5H"}
    assert part["result"]["completion"] is False
    assert datetime.fromisoformat(whole["timestamp"]).timestamp() == NOON - 3_600
    assert mapper.counts.ignored == {"did not come to the session": 1}
    assert extension(whole, "source-kind") == "offline"


# --- payloads -------------------------------------------------------------------------------------------------------------------------------


def test_a_bare_row_needs_no_table() -> None:
    source = connect()
    [record] = source.read(row("mod_forum/discussion_created", objectid=8))
    [made] = mapped(source, landed(source, [record]))[1]
    assert (verb_of(made), made["object"]["id"]) == ("posted", f"{TENANT}/mod/forum/discuss.php?d=8")


def test_a_record_of_the_landing_can_be_read_again() -> None:
    source = connect()
    [record] = source.read(row("mod_page/course_module_viewed"))
    [again] = source.read(json.loads(json.dumps(record)))
    assert (again.kind, dict(again)) == (record.kind, dict(record))


@pytest.mark.parametrize(
    "payload",
    [{"eventname": ""}, {"eventname": "\\core\\x"}, {"event": {}}, {"logstore_standard_log": [3]}, [{"a": 1}]],
)
def test_what_is_no_row_is_a_bad_record(payload: Any) -> None:
    with pytest.raises(BadRecord):
        list(connect().read(payload))


def test_every_event_of_the_table_can_be_stated() -> None:
    """With all ids given no event of the table ends in quarantine."""
    other = {
        "discussionid": 8,
        "itemid": 4,
        "action": "summary",
        "code": "1234ABCD",
        "attemptid": 3,
        "pageurl": f"{TENANT}/course/view.php?id=2",
    }
    came = {
        "facetoface_signups": [{"id": 1, "sessionid": 4, "userid": 5}],
        "facetoface_signups_status": [{"id": 1, "signupid": 1, "statuscode": 100}],
    }
    there = {"course_modules": [{"id": each, "course": 2, "module": 1, "instance": 3, "section": 4} for each in (4, 7)]}
    for event, says in EVENTS.items():
        name, _, status = event.partition("/status_submitted/")
        sort = name.partition("/")[0].removeprefix("mod_") if name.startswith("mod_") else "page"
        given = row(
            f"{name}/status_submitted" if status else name,
            objectid=4,
            relateduserid=5,
            contextlevel=70,
            contextinstanceid=7,
            other={**other, "cmivalue": status or "5"},
        )
        made = outcomes(given, modules=[{"id": 1, "name": sort}], **there, **came)[1]
        assert len(statements_of(made)) == (says.verb is not None), event


# --- the database and its errors ----------------------------------------------------------------------------------------------------------


def test_the_check_says_how_far_the_log_goes(database: str) -> None:
    source = connect(database)
    with source.api() as api:
        assert source.check(api) == "the log can be read, its last row is of 2026-11-14 12:49 UTC"


def test_the_connection_can_only_read(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("a file has no sessions that only read")
    with (
        Database(database, prefix="mdl_", connection="c") as reading,
        reading._engine.connect() as connection,
        pytest.raises(sql.exc.SQLAlchemyError),
    ):
        connection.exec_driver_sql("DELETE FROM mdl_user")
    assert len(pull(database)[1]) == 4106


def test_a_user_without_a_right_is_told_which_rights_lack(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("a file has no users")
    address, name = sql.make_url(database), f"reader_{sql.make_url(database).database[-8:]}"
    is_postgresql = address.get_backend_name() == "postgresql"
    who = name if is_postgresql else f"'{name}'@'localhost'"
    engine = sql.create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.exec_driver_sql(
            f"CREATE ROLE {name} LOGIN PASSWORD 'a-password'"
            if is_postgresql
            else f"CREATE USER {who} IDENTIFIED BY 'a-password'"
        )
        try:
            admin.exec_driver_sql(
                f"GRANT SELECT ON {'' if is_postgresql else f'{address.database}.'}mdl_logstore_standard_log TO {who}"
            )
            theirs = address.set(username=name, password="a-password").render_as_string(hide_password=False)
            with pytest.raises(LeerstroomError) as caught:
                pull(theirs)
            assert isinstance(caught.value, CredentialsRefused | ConfigurationError)
            assert "contract" in str(caught.value)
            assert "a-password" not in str(caught.value)
        finally:
            if is_postgresql:
                admin.exec_driver_sql(f"DROP OWNED BY {name}")
                admin.exec_driver_sql(f"DROP ROLE {name}")
            else:
                admin.exec_driver_sql(f"DROP USER {who}")
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://reader:secret-word@127.0.0.1:9/moodle", Unreachable),
        ("mysql://reader:secret-word@127.0.0.1:9/moodle", Unreachable),
        ("oracle://reader:secret-word@127.0.0.1/moodle", ConfigurationError),
        ("no address", ConfigurationError),
    ],
)
def test_a_database_that_does_not_answer_is_told_without_its_password(url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        pull(url)
    assert "secret-word" not in str(caught.value)
    assert "contract" in str(caught.value)


def test_a_refused_password_is_told(database: str) -> None:
    address = sql.make_url(database)
    if address.get_backend_name() != "mysql":
        pytest.skip("the local PostgreSQL trusts everybody")
    theirs = address.set(username="nobody", password="secret-word").render_as_string(hide_password=False)
    with pytest.raises(CredentialsRefused) as caught:
        pull(theirs)
    assert "secret-word" not in str(caught.value)


def test_an_empty_log_is_told_by_the_check(tmp_path: Path) -> None:
    with empty_database("sqlite", tmp_path) as url:
        fill(url, {"logstore_standard_log": [row("mod_page/course_module_viewed")], **SMALL})
        engine = sql.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM mdl_logstore_standard_log")
        engine.dispose()
        source = connect(url)
        with source.api() as api, pytest.raises(ConfigurationError, match="standard log"):
            source.check(api)


def test_a_table_that_a_plugin_would_bring_may_lack(site: str) -> None:
    with Database(site, prefix="mdl_", connection="c") as reading:
        assert list(reading.find("facetoface_signups", "sessionid", {"1"})) == []
        assert [row_["name"] for row_ in reading.find("quiz", "id", {"2"})] == ["Eindtoets AVG"]


def test_a_row_that_was_looked_up_is_not_asked_for_again() -> None:
    class Counting(Given):
        asked = 0

        def find(self, table: str, column: str, values: Any) -> Any:
            self.asked += 1
            return super().find(table, column, values)

    given = Counting({"user": [{"id": 5}]})
    look = Lookups(given)
    assert look.one("user", 5) == look.one("user", "5") == {"id": 5}
    assert look.one("user", 6) == look.one("user", 6) == {}
    assert given.asked == 2


def test_rows_need_no_settings_of_a_connection() -> None:
    [record] = Rows(Given(SMALL), trainers=()).records([row("mod_page/course_module_viewed")])
    assert record.kind == "event"
    assert people_of(connect()) is not None
    assert verbs.VIEWED.name == "viewed"

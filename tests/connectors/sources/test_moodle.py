"""Moodle's web services: the contract of all sources, errors inside HTTP 200, what Moodle hides, and a ledger that equals the site's tables."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import planned
from source_contract import (
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
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.mapping import Mapper, Quarantined
from connectors.source import Record, Window
from connectors.sources.moodle import Moodle
from connectors.sources.moodle.service import FUNCTIONS, REST, Service, nested_form
from leerstroom.errors import (
    BadRecord,
    ConfigurationError,
    CredentialsRefused,
    CursorRepeated,
    LeerstroomError,
    UnexpectedShape,
    Unreachable,
)
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.replay.moodle import nested
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

SITE = RECORDINGS / "demo" / "moodle"
TENANT = "https://academie.voorbeeldstad.example"
FIELDS = {
    "token": "demo-token-of-the-academy",
    "tenant": TENANT,
    "mandatory_courses": {"AVG-2026": "2026-11-30", "ONB-2026": 30},
    "chosen_courses": ["LEI-*"],
    "communities": ["COP-DATA"],
}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WHOLE = Window(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
TRAINERS = {"28", "29"}  # no learners: the gradebook leaves them out
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)


class TestMoodle(SourceContract):
    source = Moodle
    fields = FIELDS
    recordings = SITE
    window = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    clock = AFTER
    names = ("Anouk de Vries", "Bakker-Hofman", "Margriet", "Beste collega", "inwerkplan van")


@pytest.mark.parametrize("pair", pairs("moodle"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Moodle, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS / "demo", only=("moodle",), clock=AFTER) as started:
        yield started


def connect(url: str, **fields: Any) -> Moodle:
    return completed(Moodle, {"host": f"{url}/moodle", **FIELDS, **fields})


def pull(url: str, window: Window = WHOLE, **fields: Any) -> tuple[Moodle, list[Record]]:
    moodle = connect(url, **fields)
    with moodle.api() as api:
        return moodle, list(moodle.pull(api, window))


@pytest.fixture(scope="module")
def whole(server: Running) -> tuple[Moodle, list[Record]]:
    return pull(server.url)


@pytest.fixture(scope="module")
def stated(whole: tuple[Moodle, list[Record]]) -> list[dict[str, Any]]:
    moodle, records = whole
    return statements_of(mapped(moodle, landed(moodle, records))[1])


def table(name: str) -> list[dict[str, str]]:
    with (SITE / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def verb_of(statement: dict[str, Any]) -> str:
    return next(name for name in verbs if verbs[name].iri == statement["verb"]["id"])


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


# --- the ledger equals the tables ------------------------------------------------------------------------------------------------


def test_every_row_of_the_sites_tables_is_one_record(whole: tuple[Moodle, list[Record]]) -> None:
    pulled = Counter(record.kind for record in whole[1])
    enrolled = {(row["courseid"], row["userid"]) for row in table("user_enrolments")}
    course_of = {row["id"]: row["course"] for row in table("course_modules")}
    has_criteria = {row["course"] for row in table("course_modules") if row["completion"] != "0"}
    assert pulled == {
        "enrolment": len(enrolled),
        "activity_completion": sum(
            (course_of[row["coursemoduleid"]], row["userid"]) in enrolled for row in table("course_modules_completion")
        ),
        "course_completion": sum(
            row["timecompleted"] != "" and row["course"] in has_criteria and (row["course"], row["userid"]) in enrolled
            for row in table("course_completions")
        ),
        "quiz_attempt": len(table("quiz_attempts")),
        "submission": len(table("assign_submission")),
        "assignment_grade": len(table("assign_grades")),
        "grade": sum(
            row["finalgrade"] != ""
            and row["userid"] not in TRAINERS
            and (course_of_item(row["itemid"]), row["userid"]) in enrolled
            for row in table("grade_grades")
        ),
        "forum_post": len(table("forum_posts")),
    }


def course_of_item(item: str) -> str:
    return next(row["courseid"] for row in table("grade_items") if row["id"] == item)


def test_every_record_ends_once_and_none_in_quarantine(whole: tuple[Moodle, list[Record]]) -> None:
    moodle, records = whole
    counts = mapped(moodle, landed(moodle, records))[0].counts
    assert counts.pulled == len(records) == counts.mapped + counts.ignored.total()
    assert not counts.quarantined
    finished = sum(row["state"] == "finished" for row in table("quiz_attempts"))
    states = Counter(row["completionstate"] for row in table("course_modules_completion"))
    assert counts.ignored["enrolled as a trainer"] == sum(row["userid"] in TRAINERS for row in table("user_enrolments"))
    assert (
        counts.ignored["attempt that is still open"]
        + counts.ignored["of a person who left, so that Moodle does not show it"]
        == len(table("quiz_attempts")) - finished
    )
    assert states["3"] <= counts.ignored["completion of a quiz, told by its attempts"]


def test_statements_agree_with_the_tables(stated: list[dict[str, Any]]) -> None:
    told = Counter((verb_of(each), each["object"]["definition"]["type"]) for each in stated)
    posts = table("forum_posts")
    opening = sum(row["parent"] == "0" for row in posts)
    assert told["asked", types.FORUM_TOPIC] + told["posted", types.FORUM_TOPIC] == opening
    assert told["answered", types.FORUM_REPLY] + told["replied", types.FORUM_REPLY] == len(posts) - opening
    pass_marks = {
        row["iteminstance"]: float(row["gradepass"]) for row in table("grade_items") if row["itemmodule"] == "quiz"
    }
    questions = {"1": 3, "2": 4, "3": 2}
    passed = [
        float(row["sumgrades"]) / questions[row["quiz"]] * 10 >= pass_marks[row["quiz"]]
        for row in table("quiz_attempts")
        if row["state"] == "finished"
    ]
    assert told["passed", types.ASSESSMENT] == sum(passed)
    assert told["failed", types.ASSESSMENT] == len(passed) - sum(passed)
    assert told["submitted", types.SCHOOL_ASSIGNMENT] == told["scored", types.SCHOOL_ASSIGNMENT] == 14


def test_the_date_of_a_completed_course_is_that_of_the_sites_own_table(stated: list[dict[str, Any]]) -> None:
    ours = {
        (each["object"]["id"].rsplit("=", 1)[1], each["timestamp"])
        for each in stated
        if verb_of(each) == "completed" and each["object"]["definition"]["type"] == types.COURSE
    }
    theirs = {
        (row["course"], f"{datetime.fromtimestamp(int(row['timecompleted']), UTC):%Y-%m-%dT%H:%M:%S}.000Z")
        for row in table("course_completions")
        if row["timecompleted"]
    }
    assert len(ours) > 20
    assert ours <= theirs


# --- pulling what changed ----------------------------------------------------------------------------------------------------------


def test_nights_under_a_moving_clock_leave_what_one_pull_at_the_end_leaves(
    tmp_path: Path, stated: list[dict[str, Any]]
) -> None:
    """Every third night of seven weeks, each seeing only what existed then: what changes is stated anew and the old one voided."""
    facts = Revisions(open_state(f"sqlite:///{tmp_path}/state.db"), "contract")
    counting: dict[str, dict[str, Any]] = {}
    voided: set[str] = set()
    with running(RECORDINGS / "demo", only=("moodle",)) as moving:
        for number in range(0, 49, 3):
            end = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=number)
            moving.world.until = end
            night = Window(end - timedelta(days=1), end).widened(Moodle.look_back)
            moodle, records = pull(moving.url, night)
            made = mapped(moodle, landed(moodle, records))[1]
            plan = planned(facts, statements_of(made), end.isoformat())
            for statement in plan.send:
                known = counting.setdefault(statement["id"], statement)
                assert known == statement, "one id, two contents: the LRS would refuse it"
            gone = facts.retract([each.key for each in made if isinstance(each, Retracted)], end.isoformat())
            voided |= {statement_id for statement_id, _ in (*plan.void, *gone)}
    assert voided
    left = [statement for name, statement in counting.items() if name not in voided]
    assert sorted(map(_said_of, left)) == sorted(map(_said_of, stated))


def _said_of(statement: dict[str, Any]) -> str:
    """All but the id: a fact that returned to an earlier form has a fresh one."""
    return json.dumps({name: value for name, value in statement.items() if name != "id"}, sort_keys=True)


def test_a_night_holds_only_what_last_changed_in_it(server: Running) -> None:
    window = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    records = [record for record in pull(server.url, window)[1] if record.kind != "enrolment"]
    assert records
    assert all(window.holds(datetime.fromtimestamp(record["at"], UTC)) for record in records)


def test_a_quiet_night_asks_two_things_a_course(server: Running) -> None:
    quiet = Window(datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC))
    moodle = connect(server.url)
    with moodle.api() as api:
        records = list(moodle.pull(api, quiet))
        assert api.requests_made == 8 + 2 * 5
    assert {record.kind for record in records} == {"enrolment"}


def test_a_completion_without_a_visit_is_found_on_monday(tmp_path: Path) -> None:
    site = tmp_path / "moodle"
    shutil.copytree(SITE, site)
    thursday = int(datetime(2026, 11, 19, 12, tzinfo=UTC).timestamp())  # set by a trainer, after everybody's last visit
    path = site / "course_modules_completion.csv"
    path.chmod(0o644)
    with path.open("a", encoding="utf-8") as rows:
        rows.write(f"9999,4,3,1,28,{thursday}\n")
    days = {"friday": datetime(2026, 11, 20, 1, tzinfo=UTC), "monday": datetime(2026, 11, 23, 1, tzinfo=UTC)}
    with running(tmp_path, only=("moodle",), clock=AFTER) as started:
        found = {
            day: [record.key for record in pull(started.url, Window(end - timedelta(days=4), end))[1] if record.kind == "activity_completion"]
            for day, end in days.items()
        }  # fmt: skip
    assert "4/3" not in found["friday"]
    assert "4/3" in found["monday"]


def test_only_the_courses_of_the_setting_are_read(server: Running) -> None:
    records = pull(server.url, courses=["AVG-*"])[1]
    assert {record["course"]["shortname"] for record in records if not record.get("gone")} == {"AVG-2026"}
    with pytest.raises(UnexpectedShape, match="courses"):
        pull(server.url, courses=["NOPE"])


def test_the_token_never_is_in_an_address(server: Running) -> None:
    pull(server.url, Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC)))
    assert all(method == "POST" and "token" not in path for _, method, path in server.faults.asked)


_KEYS = st.text("abcdefgh", min_size=1, max_size=5)
_NESTED = st.recursive(
    st.text(max_size=8) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(_KEYS, inner, min_size=1, max_size=3),
)


@given(st.dictionaries(_KEYS, _NESTED, max_size=4))
def test_nested_parameters_survive_the_form(params: dict[str, Any]) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return str(int(value)) if isinstance(value, bool) else str(value)

    assert nested(nested_form(params)) == plain(params)


# --- errors and what Moodle hides ----------------------------------------------------------------------------------------------------


def answering(answer: Callable[[str, dict[str, str]], Any]) -> Starlette:
    """A site whose functions answer what `answer(function, form)` gives, a Response or a value."""

    async def rest(request: Request) -> Response:
        form = {str(name): str(value) for name, value in (await request.form()).items()}
        given = answer(form["wsfunction"], form)
        return given if isinstance(given, Response) else JSONResponse(given)

    return Starlette(routes=[Route(f"/moodle{REST}", rest, methods=["POST"])])


def broken(code: str | None, kind: str = "core\\exception\\moodle_exception") -> dict[str, str]:
    told = {"exception": kind, "message": "Anna de Vries (anna@example.org) may not do that"}
    return told if code is None else {**told, "errorcode": code}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("invalidtoken", CredentialsRefused),
        ("accessexception", CredentialsRefused),
        ("requireloginerror", CredentialsRefused),
        ("nopermissions", CredentialsRefused),
        ("errorcoursecontextnotvalid", CredentialsRefused),
        ("sitemaintenance", Unreachable),
        ("dmlreadexception", Unreachable),
        ("invalidparameter", UnexpectedShape),
        ("anna@example.org", UnexpectedShape),
        (None, UnexpectedShape),
    ],
)
def test_an_error_inside_http_200_is_an_error(serve: Any, code: str | None, error: type[LeerstroomError]) -> None:
    url = serve(answering(lambda *_: broken(code)))
    with pytest.raises(error) as caught:
        pull(url)
    told = str(caught.value)
    assert "contract" in told
    assert "core_webservice_get_site_info" in told
    assert "Anna" not in told
    assert "anna" not in told
    assert FIELDS["token"] not in told


@pytest.mark.parametrize(
    "kind", ["moodle_exception", "core\\exception\\moodle_exception", "webservice_access_exception", "Error"]
)
def test_errors_are_known_by_their_code_whatever_the_class_that_a_release_gives_them(serve: Any, kind: str) -> None:
    with pytest.raises(CredentialsRefused):
        pull(serve(answering(lambda *_: broken("invalidtoken", kind))))


def test_an_invalid_token_may_also_be_one_that_is_not_allowed_from_this_address(serve: Any) -> None:
    with pytest.raises(CredentialsRefused, match="unknown or not allowed from this address"):
        pull(serve(answering(lambda *_: broken("invalidtoken"))))


def test_an_expired_token_and_a_function_outside_the_service_are_one_error(serve: Any) -> None:
    with pytest.raises(CredentialsRefused, match="expired, or its service lacks this function"):
        pull(serve(answering(lambda *_: broken("accessexception"))))


def test_assignments_are_asked_for_also_where_the_token_is_not_enrolled_and_booleans_are_1(serve: Any) -> None:
    forms: list[dict[str, str]] = []

    def answer(_: str, form: dict[str, str]) -> Any:
        forms.append(form)
        return {"courses": [{"id": 2, "assignments": []}], "warnings": []}

    moodle = connect(serve(answering(answer)))
    with moodle.api() as api:
        list(Service(api, "token").assignments(["2"]))
    assert {form["includenotenrolledcourses"] for form in forms} == {"1"}


def test_a_discussion_is_asked_for_by_its_number_and_not_by_that_of_its_first_post(server: Running, serve: Any) -> None:
    asked: set[str] = set()

    def posts(answer: Any, form: dict[str, str]) -> Any:
        asked.add(form["discussionid"])
        return answer

    pull(serve(answering(Tampered(server, mod_forum_get_discussion_posts=posts))))
    known = table("forum_discussions")
    assert asked == {row["id"] for row in known}
    assert asked != {row["firstpost"] for row in known}


@pytest.mark.parametrize("code", ["nocriteriaset", "notenroled"])
def test_a_course_without_criteria_and_somebody_who_left_it_are_no_faults(
    server: Running, serve: Any, code: str
) -> None:
    def status(answer: Any, form: dict[str, str]) -> Any:
        return broken(code) if form["courseid"] == "2" else answer

    moodle, records = pull(serve(answering(Tampered(server, core_completion_get_course_completion_status=status))))
    assert any(record.kind == "course_completion" for record in records)
    assert not any(record.kind == "course_completion" and record["course"]["id"] == "2" for record in records)
    assert not mapped(moodle, landed(moodle, records))[0].counts.quarantined


def test_maintenance_and_a_protocol_that_is_off_are_told_apart(serve: Any) -> None:
    down = Response("<html>maintenance</html>", 503, media_type="text/html")
    for answer, error in ((down, Unreachable), (Response(status_code=403), CredentialsRefused)):
        moodle = connect(serve(answering(lambda *_, given=answer: given)))
        with moodle.api() as api:
            api._tries = 2
            with pytest.raises(error):
                moodle.check(api)


def test_a_token_without_rights_is_loud_not_empty(server: Running) -> None:
    with pytest.raises(UnexpectedShape, match="viewalldetails"):
        pull(server.url, token="demo-token-without-rights")


class Tampered:
    """The replayed site in between, some functions answering otherwise."""

    def __init__(self, server: Running, **others: Callable[[Any, dict[str, str]], Any]) -> None:
        import requests

        self._session, self._url, self._others = requests.Session(), f"{server.url}/moodle{REST}", others
        self.asked: Counter[str] = Counter()

    def __call__(self, function: str, form: dict[str, str]) -> Any:
        self.asked[function] += 1
        known = function.replace("_quiz_attempts", "_attempts")
        answer = self._session.post(self._url, data={**form, "wsfunction": known}, timeout=10).json()
        return self._others[function](answer, form) if function in self._others else answer


def test_warnings_about_every_course_are_loud(server: Running, serve: Any) -> None:
    def hidden(_: Any, form: dict[str, str]) -> Any:
        ids = [value for name, value in form.items() if name.startswith("courseids")]
        return {
            "quizzes": [],
            "warnings": [{"item": "course", "itemid": int(each), "warningcode": "1"} for each in ids],
        }

    url = serve(answering(Tampered(server, mod_quiz_get_quizzes_by_courses=hidden)))
    with pytest.raises(UnexpectedShape, match="mod_quiz_get_quizzes_by_courses"):
        pull(url)


def test_forums_that_a_course_shows_and_the_list_leaves_out_are_loud(server: Running, serve: Any) -> None:
    url = serve(answering(Tampered(server, mod_forum_get_forums_by_courses=lambda *_: [])))
    with pytest.raises(UnexpectedShape, match="mod/forum:viewdiscussion"):
        pull(url)


def test_functions_that_the_service_lacks_are_all_named(server: Running, serve: Any) -> None:
    lacking = {"mod_assign_get_grades", "mod_forum_get_discussion_posts"}

    def fewer(info: Any, _: Any) -> Any:
        return {**info, "functions": [each for each in info["functions"] if each["name"] not in lacking]}

    url = serve(answering(Tampered(server, core_webservice_get_site_info=fewer)))
    with pytest.raises(ConfigurationError) as caught:
        pull(url)
    assert all(name in str(caught.value) for name in lacking)
    assert not any(name in str(caught.value) for name in set(FUNCTIONS) - lacking)


def test_the_new_name_of_a_function_is_used_where_it_is_offered(server: Running, serve: Any) -> None:
    def renamed(info: Any, _: Any) -> Any:
        names = [each["name"].replace("user_attempts", "user_quiz_attempts") for each in info["functions"]]
        return {**info, "functions": [{"name": each} for each in names]}

    site = Tampered(server, core_webservice_get_site_info=renamed)
    records = pull(serve(answering(site)))[1]
    assert site.asked["mod_quiz_get_user_quiz_attempts"] > 10
    assert site.asked["mod_quiz_get_user_attempts"] == 0
    assert sum(record.kind == "quiz_attempt" for record in records) == len(table("quiz_attempts"))


def test_a_person_who_was_deleted_meanwhile_is_counted_and_the_rest_goes_on(server: Running, serve: Any) -> None:
    def gone(answer: Any, form: dict[str, str]) -> Any:
        return broken("userdeleted") if form["userid"] == "5" else answer

    url = serve(answering(Tampered(server, core_completion_get_activities_completion_status=gone)))
    moodle, records = pull(url)
    counts = mapped(moodle, landed(moodle, records))[0].counts
    courses = sum(row["userid"] == "5" for row in table("user_enrolments"))
    assert sum(record.kind == "activity_completion" and bool(record.get("gone")) for record in records) == courses
    assert counts.balances
    assert not counts.quarantined


def test_a_page_of_discussions_that_repeats_ends_the_pull(server: Running, serve: Any) -> None:
    page = {"discussions": [{"discussion": 1, "timemodified": 2_000_000_000, "pinned": False}]}
    moodle = connect(serve(answering(lambda *_: page)))
    with moodle.api() as api, pytest.raises(CursorRepeated):
        list(Service(api, "token").discussions("1"))


def test_a_pinned_old_discussion_does_not_end_the_list(server: Running, serve: Any) -> None:
    def pinned(answer: Any, form: dict[str, str]) -> Any:
        oldest_first = sorted(answer["discussions"], key=lambda each: each["timemodified"])
        return {**answer, "discussions": [{**each, "pinned": not number} for number, each in enumerate(oldest_first[:1] + answer["discussions"])]}  # fmt: skip

    window = Window(datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    url = serve(answering(Tampered(server, mod_forum_get_forum_discussions=pinned)))
    told, calm = ({(each.kind, each.key) for each in pull(at, window)[1]} for at in (url, server.url))
    assert told == calm


# --- people ---------------------------------------------------------------------------------------------------------------------------


def test_everyone_of_the_demo_is_an_employee(whole: tuple[Moodle, list[Record]]) -> None:
    moodle, records = whole
    directory = Directory.read(RECORDINGS / "demo" / "employees.csv")
    made = statements_of(mapped(moodle, landed(moodle, records), directory)[1])
    assert all(each["actor"]["account"]["homePage"] != TENANT for each in made)
    assert len({each["actor"]["account"]["name"] for each in made}) == 27


@pytest.mark.parametrize(
    "employee",
    [
        Employee("x", emails=("Anouk.DeVries@example.org",)),
        Employee("E01014"),
        Employee("y", platform_ids=(("moodle", "3"),)),
        Employee("z", platform_ids=(("contract", "3"),)),
    ],
)
def test_one_reference_is_enough_to_know_somebody(whole: tuple[Moodle, list[Record]], employee: Employee) -> None:
    moodle, records = whole
    mine = [record for record in records if record.get("person", {}).get("account") == "3"]
    made = statements_of(mapped(moodle, landed(moodle, mine), Directory([employee]))[1])
    assert len(made) > 10
    assert {each["actor"]["account"]["name"] for each in made} == {KEY.actor(employee.employee_id)}


def test_a_deleted_user_is_known_by_the_user_id_alone(whole: tuple[Moodle, list[Record]]) -> None:
    theirs = [record for record in whole[1] if record.get("person", {}).get("account") == "26"]
    assert {record.kind for record in theirs} == {"forum_post"}
    assert all(record["person"]["email"] is None and record["person"]["hr"] is None for record in theirs)


def test_an_account_on_the_exclusion_list_is_not_stated(whole: tuple[Moodle, list[Record]]) -> None:
    moodle, records = whole
    directory = Directory(excluded_accounts=[("moodle", "3"), ("email", "ruben.vandijk@example.org")])
    mapper, made = mapped(moodle, landed(moodle, records), directory)
    assert mapper.counts.ignored["account on the exclusion list"] > 10
    names = {each["actor"]["account"]["name"] for each in statements_of(made)}
    assert KEY.account(TENANT, "3") not in names
    graded = [each for each in statements_of(made) if verb_of(each) == "scored"]
    assert len({"instructor" in each["context"] for each in graded}) == 2, (
        "an excluded trainer takes no grade with them"
    )


def test_grades_name_their_trainer_as_a_pseudonym(stated: list[dict[str, Any]]) -> None:
    graded = [each for each in stated if verb_of(each) == "scored"]
    assert {each["context"]["instructor"]["account"]["name"] for each in graded} == {
        KEY.account(TENANT, "28"),
        KEY.account(TENANT, "29"),
    }


def test_what_a_trainer_writes_carries_that_role(whole: tuple[Moodle, list[Record]]) -> None:
    moodle, records = whole
    posts = [record for record in records if record.kind == "forum_post"]
    made = statements_of(mapped(moodle, landed(moodle, posts))[1])
    trainers = {KEY.account(TENANT, each) for each in TRAINERS}
    for each in made:
        is_trainer = each["actor"]["account"]["name"] in trainers
        assert extension(each, "actor-role") == ("trainer" if is_trainer else None)
    assert statements_of(mapped(connect("http://127.0.0.1:9", trainer_roles=["teacher"]), [])[1]) == []


# --- courses ---------------------------------------------------------------------------------------------------------------------------


def of_course(stated: list[dict[str, Any]], verb: str, course: int) -> list[dict[str, Any]]:
    iri = f"{TENANT}/course/view.php?id={course}"
    return [each for each in stated if verb_of(each) == verb and each["object"]["id"] == iri]


def test_a_mandatory_course_says_so_and_until_when(stated: list[dict[str, Any]]) -> None:
    for verb in ("registered", "completed"):
        told = {
            tuple(extension(each, name) for name in ("mandatory", "initiator", "due"))
            for each in of_course(stated, verb, 3)
        }
        assert told == {(True, "assigned", "2026-11-30")}


def test_a_due_date_in_days_counts_from_the_enrolment(stated: list[dict[str, Any]]) -> None:
    due = {each["context"]["registration"]: extension(each, "due") for each in of_course(stated, "registered", 2)}
    for each in of_course(stated, "completed", 2):
        assert extension(each, "due") == due[each["context"]["registration"]]
    for each in of_course(stated, "registered", 2):
        begun = datetime.fromisoformat(each["timestamp"])
        assert extension(each, "due") == (begun.astimezone(AMSTERDAM) + timedelta(days=30)).date().isoformat()


def test_of_other_courses_it_is_not_said_whether_they_were_chosen(stated: list[dict[str, Any]]) -> None:
    chosen, unknown = of_course(stated, "registered", 4), of_course(stated, "registered", 5)
    assert {(extension(each, "mandatory"), extension(each, "initiator")) for each in chosen} == {(False, "self")}
    assert {(extension(each, "mandatory"), extension(each, "initiator")) for each in unknown} == {(None, None)}


@pytest.mark.parametrize(
    ("methods", "initiator"),
    [(["self"], "self"), (["cohort", "meta"], "assigned"), (["manual", "self"], None), (["manual"], None), ([], None)],
)
def test_the_ways_to_enrol_tell_who_began(
    whole: tuple[Moodle, list[Record]], methods: list[str], initiator: Any
) -> None:
    record = next(each for each in whole[1] if each.key == "5/4" and each.kind == "enrolment")
    [made] = outcomes(record, course={**record["course"], "methods": methods})
    assert extension(made, "initiator") == initiator
    assert record["course"]["methods"] == ["manual"]


def test_a_course_that_is_complete_without_any_date_is_quarantined_not_lost(server: Running, serve: Any) -> None:
    def undated(answer: Any, form: dict[str, str]) -> Any:
        if (form["courseid"], form["userid"]) == ("3", "5"):
            answer["completionstatus"]["completions"] = []
        return answer

    url = serve(answering(Tampered(server, core_completion_get_course_completion_status=undated)))
    moodle, records = pull(url)
    mapper, made = mapped(moodle, landed(moodle, records))
    assert [each.key for each in made if isinstance(each, Quarantined)] == ["3/5"]
    assert mapper.counts.balances


def test_where_visits_are_hidden_everybody_is_asked(server: Running, serve: Any) -> None:
    def hidden(answer: Any, _: Any) -> Any:
        return [{name: value for name, value in each.items() if not name.startswith("last")} for each in answer]

    window = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))
    url = serve(answering(Tampered(server, core_enrol_get_enrolled_users=hidden)))
    told, calm = ({(each.kind, each.key) for each in pull(at, window)[1]} for at in (url, server.url))
    assert told == calm


def test_a_community_is_joined_and_is_no_course_to_complete(stated: list[dict[str, Any]]) -> None:
    joined = of_course(stated, "joined", 6)
    assert len(joined) == 15
    assert of_course(stated, "registered", 6) == []
    assert {each["object"]["definition"]["type"] for each in joined} == {types.COMMUNITY_SITE}
    kinds = {
        (each["context"]["contextActivities"]["grouping"][0]["id"].endswith("=6"), extension(each, "channel-kind"))
        for each in stated
        if each["object"]["definition"]["type"] in {types.FORUM_TOPIC, types.FORUM_REPLY}
    }
    assert kinds == {(True, "set_up_community"), (False, "course_community")}


@pytest.mark.parametrize("wrong", ["soon", "2026-13-01", "-3", None])
def test_a_due_date_that_is_none_is_told_before_anything_is_pulled(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="AVG-2026"):
        connect("http://127.0.0.1:9", mandatory_courses={"AVG-2026": wrong})


# --- facts that change ------------------------------------------------------------------------------------------------------------------


def test_an_attempt_carries_its_score_and_its_time(stated: list[dict[str, Any]]) -> None:
    [attempt] = [
        each
        for each in stated
        if each["object"]["definition"]["type"] == types.ASSESSMENT and each["timestamp"] == "2026-10-06T13:18:50.000Z"
    ]
    assert attempt["result"] == {
        "score": {"raw": 3.0, "min": 0.0, "max": 3.0, "scaled": 1.0},
        "success": True,
        "completion": True,
        "duration": "PT1M50S",
    }


def outcomes(record: Record, **changes: Any) -> list[Any]:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    return mapped(moodle, landed(moodle, [Record(record.kind, record.key, {**record, **changes})]))[1]


def facts(made: list[Any]) -> set[tuple[str, str]]:
    return {(each["id"], verb_of(each)) for each in made if isinstance(each, dict)}


def retracted(made: list[Any]) -> set[str]:
    return {each.key for each in made if isinstance(each, Retracted)}


def fact_of(statement: dict[str, Any]) -> str:
    return extension(statement, "record")


@pytest.fixture
def attempt(whole: tuple[Moodle, list[Record]]) -> Record:
    return next(record for record in whole[1] if record.kind == "quiz_attempt" and record.get("sumgrades") == 2)


def test_a_regrade_states_anew_and_takes_back_the_other_verdict(attempt: Record) -> None:
    later = attempt["at"] + 86_400
    [before] = outcomes(attempt, sumgrades=0)
    [after, *taken_back] = outcomes(attempt, sumgrades=2, at=later)
    assert (verb_of(before), verb_of(after)) == ("failed", "passed")
    assert fact_of(before) in retracted(taken_back)
    assert fact_of(after) not in retracted(taken_back)
    assert before["timestamp"] == after["timestamp"]


def test_a_better_mark_with_the_same_verdict_is_another_form_of_the_same_fact(attempt: Record) -> None:
    quiz = {"sumgrades": 4, "grade": 10, "pass_mark": 2.5}
    [before], [after, *_] = (
        outcomes(attempt, quiz=quiz),
        outcomes(attempt, quiz=quiz, sumgrades=3, at=attempt["at"] + 9),
    )
    assert fact_of(before) == fact_of(after)
    assert before["id"] != after["id"]


def test_without_a_pass_mark_an_attempt_is_completed(attempt: Record) -> None:
    [made] = outcomes(attempt, quiz={**attempt["quiz"], "pass_mark": None})
    assert verb_of(made) == "completed"
    assert "success" not in made["result"]
    [waiting] = outcomes(attempt, sumgrades=None)
    assert verb_of(waiting) == "completed"
    assert "score" not in waiting["result"]


def test_an_abandoned_attempt_is_attempted_and_an_open_one_is_nothing_yet(attempt: Record) -> None:
    [made] = outcomes(attempt, state="abandoned", timefinish=0, sumgrades=None)
    assert verb_of(made) == "attempted"
    assert outcomes(attempt, state="inprogress", timefinish=0) == []
    assert outcomes(attempt, preview=1) == []


def test_an_attempt_that_ends_before_it_starts_is_quarantined(attempt: Record) -> None:
    [made] = outcomes(attempt, timestart=attempt["timefinish"] + 1)
    assert isinstance(made, Quarantined)


@pytest.fixture
def completion(whole: tuple[Moodle, list[Record]]) -> Record:
    return next(
        record
        for record in whole[1]
        if record.kind == "activity_completion" and record["module"]["modname"] == "assign" and record["state"] == 1
    )


def test_a_completion_that_was_undone_takes_back_what_was_stated(completion: Record) -> None:
    [done] = outcomes(completion)
    [failed] = statements_of(outcomes(completion, state=3))
    assert (verb_of(done), verb_of(failed)) == ("completed", "failed")
    assert retracted(outcomes(completion, state=0)) == {fact_of(done), fact_of(failed)}
    assert fact_of(done) in retracted(outcomes(completion, state=3))


def test_passed_and_merely_complete_are_two_forms_of_one_fact(completion: Record) -> None:
    [done], [passed] = outcomes(completion), outcomes(completion, state=2)
    assert fact_of(done) == fact_of(passed)
    assert done["id"] != passed["id"]
    assert passed["result"] == {"completion": True, "success": True}


def test_a_changed_grade_is_another_form_of_the_same_fact(whole: tuple[Moodle, list[Record]]) -> None:
    grade = next(record for record in whole[1] if record.kind == "assignment_grade")
    [before], [after] = outcomes(grade), outcomes(grade, grade="9.50000", at=grade["at"] + 60)
    assert fact_of(before) == fact_of(after)
    assert before["id"] != after["id"]
    assert after["result"]["score"] == {"raw": 9.5, "min": 0.0, "max": 10.0, "scaled": 0.95}
    assert outcomes(grade, highest=-4) == []


def test_a_grade_that_is_taken_off_is_taken_back(whole: tuple[Moodle, list[Record]]) -> None:
    assignment = next(record for record in whole[1] if record.kind == "assignment_grade")
    item = next(record for record in whole[1] if record.kind == "grade" and record.get("itemtype") == "mod")
    other = {"module": {**item["module"], "modname": "h5pactivity"}}
    for record, more, none in ((assignment, {}, "-1.00000"), (item, other, None)):
        [before], [after] = outcomes(record, **more, grade=5, highest=10), outcomes(record, **more, grade=none)
        assert isinstance(after, Retracted)
        assert after.key == fact_of(before)


def test_extra_credit_is_a_full_score_and_no_error(whole: tuple[Moodle, list[Record]]) -> None:
    grade = next(record for record in whole[1] if record.kind == "assignment_grade")
    [made] = outcomes(grade, grade="12.00000")
    assert made["result"]["score"] == {"raw": 12.0, "min": 0.0, "max": 12.0, "scaled": 1.0}


def test_drafts_and_submissions_of_groups_are_no_statements(whole: tuple[Moodle, list[Record]]) -> None:
    submission = next(record for record in whole[1] if record.kind == "submission")
    assert outcomes(submission, status="draft") == []
    assert outcomes(submission, person={}) == []
    [before], [after] = outcomes(submission), outcomes(submission, at=submission["at"] + 60)
    assert fact_of(before) == fact_of(after)
    assert before["id"] != after["id"]


# --- forums -------------------------------------------------------------------------------------------------------------------------------


def test_answers_point_at_a_question_that_somebody_else_asked(stated: list[dict[str, Any]]) -> None:
    asked = {each["object"]["id"]: each["actor"]["account"]["name"] for each in stated if verb_of(each) == "asked"}
    answered = [each for each in stated if verb_of(each) == "answered"]
    assert len(asked) == 11
    assert len(answered) == 40
    for each in answered:
        [question] = each["context"]["contextActivities"]["parent"]
        assert asked[question["id"]] != each["actor"]["account"]["name"]
        assert extension(each, "rule") == "reply-to-question"


def post(number: int, author: int, text: str, parent: int | None = None, **more: Any) -> dict[str, Any]:
    times = {"timecreated": 1_793_700_000 + number, "timemodified": 1_793_700_000 + number}
    return {
        "id": number, "discussionid": 9, "parentid": parent, "author": {"id": author}, "subject": "Re: Verlof", "message": f"<p>{text}</p>", **times, **more,
    }  # fmt: skip


def said(*posts: dict[str, Any]) -> dict[str, str]:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    made = mapped(moodle, landed(moodle, list(moodle.read({"posts": list(posts)}))))[1]
    return {each["object"]["id"].rsplit("#p", 1)[1]: verb_of(each) for each in statements_of(made)}


QUESTION = post(1, 3, "Weet iemand hoe je verlof van vorig jaar overboekt?")


def test_thanks_and_own_replies_answer_nothing() -> None:
    assert said(
        QUESTION,
        post(2, 4, "Via Zelfbediening, tabblad Verlof, en dan Overboeken.", 1),
        post(3, 3, "Bedankt, het is gelukt!", 2),
        post(4, 5, "Dank je!", 2),
        post(5, 5, "Bij ons gaat dat nog met een formulier van P&O.", 4),
    ) == {"1": "asked", "2": "answered", "3": "replied", "4": "replied", "5": "answered"}


def test_a_reply_to_what_asks_nothing_is_a_reply() -> None:
    assert said(post(1, 3, "Zo doen wij dat."), post(2, 4, "Via Zelfbediening kan het ook.", 1)) == {
        "1": "posted",
        "2": "replied",
    }


def test_an_answer_alone_knows_its_question_when_that_was_read_before() -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    list(moodle.read(QUESTION))
    [record] = moodle.read(post(2, 4, "Via Zelfbediening, tabblad Verlof, en dan Overboeken.", 1))
    [made] = mapped(moodle, landed(moodle, [record]))[1]
    assert verb_of(made) == "answered"


def test_an_edit_that_makes_a_question_of_a_remark_takes_back_the_remark() -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})

    def made_of(*posts: dict[str, Any]) -> list[Any]:
        return mapped(moodle, landed(moodle, list(moodle.read({"posts": list(posts)}))))[1]

    reply = post(2, 4, "Via Zelfbediening, tabblad Verlof, en dan Overboeken.", 1)
    before = made_of(post(1, 3, "Zo doen wij dat."), reply)
    after = made_of({**QUESTION, "timemodified": QUESTION["timecreated"] + 600}, reply)
    assert [verb_of(each) for each in before] == ["posted", "replied"]
    assert [verb_of(each) for each in statements_of(after)] == ["asked", "answered"]
    assert retracted(after) == {fact_of(each) for each in before}


def test_a_reply_to_an_edited_question_is_no_edit_itself() -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    edited = {**QUESTION, "timemodified": QUESTION["timecreated"] + 600}
    late = post(9000, 4, "Via Zelfbediening, tabblad Verlof, en dan Overboeken.", 1)
    [_, record] = moodle.read({"posts": [edited, late]})
    assert record["at"] == late["timecreated"]
    assert record["is_edited"] is False


def test_private_replies_and_deleted_posts_are_not_stated() -> None:
    assert said(QUESTION, post(2, 4, "Onder ons: bel me even.", 1, isprivatereply=True)) == {"1": "asked"}
    assert said(QUESTION, post(2, 4, "", 1, isdeleted=True)) == {"1": "asked"}


def test_the_text_of_a_private_reply_is_not_even_looked_at() -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    [_, record] = moodle.read({"posts": [QUESTION, post(2, 4, "Onder ons: bel me even.", 1, isprivatereply=True)]})
    assert "Onder ons" not in json.dumps(record)


# --- normalise ---------------------------------------------------------------------------------------------------------------------------


def exchanges() -> Iterator[dict[str, Any]]:
    for path in sorted((RECORDINGS / "moodle").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def test_every_recorded_exchange_is_read_learnt_from_or_refused_with_a_reason() -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    mapper, refused = Mapper(moodle, people_of(moodle)), []
    for exchange in exchanges():
        try:
            list(mapper.statements([moodle.minimise(record, KEY) for record in moodle.read(exchange)]))
        except BadRecord as error:
            refused.append((exchange["function"], str(error)))
    assert mapper.counts.balances
    assert not mapper.counts.quarantined
    assert mapper.counts.built > 250
    is_error = [each for each in exchanges() if isinstance(each["response"], dict) and "exception" in each["response"]]
    assert sum("an error of Moodle" in reason for _, reason in refused) == len(is_error)


@pytest.mark.parametrize(
    ("function", "params"),
    [("core_completion_get_activities_completion_status", "courseid"), ("core_enrol_get_enrolled_users", "courseid")],
)
def test_an_answer_that_says_not_whose_it_is_asks_for_the_exchange(function: str, params: str) -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    whole = next(each for each in exchanges() if each["function"] == function and "exception" not in each["response"])
    assert list(moodle.read(whole))
    with pytest.raises(BadRecord, match=params):
        list(moodle.read(whole["response"]))


def test_what_was_read_before_makes_what_follows_richer() -> None:
    moodle = completed(Moodle, {"host": TENANT, **FIELDS})
    attempts = next(
        each
        for each in exchanges()
        if each["function"] == "mod_quiz_get_user_attempts" and each["response"].get("attempts")
    )
    [poor, *_] = moodle.read(attempts["response"])
    for function in ("mod_quiz_get_quizzes_by_courses", "core_user_get_users"):
        for each in exchanges():
            if each["function"] == function and each["auth"] == "connector":
                assert list(moodle.read(each["response"])) == []
    [rich, *_] = moodle.read(attempts["response"])
    assert poor["module"]["cmid"] is None
    assert rich["module"]["cmid"] == "3"
    assert rich["person"]["email"].endswith("@example.org")


def test_the_check_names_site_release_and_what_can_be_read(server: Running) -> None:
    moodle = connect(server.url)
    with moodle.api() as api:
        assert moodle.check(api) == "Gemeente Voorbeeldstad Academie, Moodle 4.5.6: 30 users and 5 courses can be read"

"""The replayed Moodle against the real one: same shapes, same values, same errors; and the state of any moment."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from leerstroom.replay import Running, running

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
TOKEN, POWERLESS = "demo-token-of-the-academy", "demo-token-without-rights"
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)

# What the tables of the site do not hold: pictures with the time of the recording, HTML for people, weights, ratings, and the lists' own constants.
ELSEWHERE = {
    "profileimage", "profileimageurl", "profileimageurlsmall", "userpictureurl", "usermodifiedpictureurl", "html", "weightraw", "weightformatted", "gradeformatted",
    "feedbackformat", "percentageformatted", "courseimage", "summary", "filters", "functions", "questions", "preferences", "ratinginfo", "status_of_no_value",
}  # fmt: skip
UNRECORDED_AREAS = {"configuration", "questions", "ratings", "entries", "pages", "userattemptsfinished"}


def exchanges() -> Iterator[dict[str, Any]]:
    for path in sorted((RECORDINGS / "moodle").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def name(exchange: dict[str, Any]) -> str:
    told = ",".join(f"{key}={value}" for key, value in exchange["params"].items() if not key.startswith("courseids"))
    return f"{exchange['function']}({told})"


COMPARABLE = [
    each
    for each in exchanges()
    if each["auth"] in {"connector", "none"} and each["status"] == 200 and isinstance(each["response"], dict | list)
]
SESSION = requests.Session()


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    with running(RECORDINGS / "demo", only=("moodle",), clock=AFTER) as server:
        yield server


def ask(site: Running, function: str, token: str = TOKEN, **params: Any) -> Any:
    form = {"wstoken": token, "wsfunction": function, "moodlewsrestformat": "json", **params}
    return SESSION.post(f"{site.url}/moodle/webservice/rest/server.php", data=form, timeout=10).json()


def comparable(value: Any) -> Any:
    """Without what the tables do not hold; lists of ids as sets, for the vendor does not order them."""
    if isinstance(value, dict):
        if value.get("status") == "novalue":
            value = {each: told for each, told in value.items() if each != "status"}
        if "itemids" in value:
            value = {**value, "itemids": sorted(value["itemids"])}
        return {each: comparable(told) for each, told in value.items() if each not in ELSEWHERE}
    return [comparable(each) for each in value] if isinstance(value, list) else value


def changes(answer: dict[str, Any], function: str) -> dict[str, Any]:
    """Of the lists of changes only the areas whose tables were recorded; the grades of quizzes are not among them."""
    if function != "core_course_get_updates_since":
        return answer
    kept = []
    for instance in answer["instances"]:
        is_quiz = any(each["name"] == "userattempts" for each in instance["updates"])
        left_out = UNRECORDED_AREAS | ({"usergrades"} if is_quiz else set())
        updates = [each for each in instance["updates"] if each["name"] not in left_out]
        if updates:
            kept.append({**instance, "updates": updates})
    return {**answer, "instances": kept}


def keys(value: Any) -> Any:
    """The shape of an answer: names of fields all the way down."""
    if isinstance(value, dict):
        return {each: keys(told) for each, told in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else None


@pytest.mark.parametrize("exchange", COMPARABLE, ids=name)
def test_the_replay_answers_as_the_real_site_did(site: Running, exchange: dict[str, Any]) -> None:
    function, theirs = exchange["function"], exchange["response"]
    token = TOKEN if exchange["auth"] == "connector" else "unknown"
    ours = ask(site, function, token, **exchange["params"])
    assert comparable(changes(ours, function)) == comparable(changes(theirs, function))


@pytest.mark.parametrize("function", sorted({each["function"] for each in COMPARABLE}))
def test_an_answer_has_all_the_fields_of_the_recorded_one(site: Running, function: str) -> None:
    told = [each for each in COMPARABLE if each["function"] == function and isinstance(each["response"], dict | list)]
    for exchange in told:
        if "exception" in exchange["response"] or function == "core_course_get_updates_since":
            continue
        ours = ask(site, function, **exchange["params"])
        volatile = {"functions", "questions", "filters", "preferences", "gradeitems"}
        assert _without(keys(ours), volatile) == _without(keys(exchange["response"]), volatile), name(exchange)


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {each: _without(told, names) for each, told in value.items() if each not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


def test_without_a_format_the_answer_is_xml_and_so_are_errors(site: Running) -> None:
    recorded = [each["response"] for each in exchanges() if str(each["response"]).startswith("<?xml")]
    refused = next(each for each in recorded if "EXCEPTION" in each)
    url = f"{site.url}/moodle/webservice/rest/server.php"
    answer = requests.get(url, {"wstoken": "x", "wsfunction": "core_webservice_get_site_info"}, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert answer.text.split() == refused.split()
    told = requests.get(url, {"wstoken": TOKEN, "wsfunction": "core_webservice_get_site_info"}, timeout=10).text
    for line in next(each for each in recorded if "RESPONSE" in each).splitlines():
        if 'name="userid"' in line or 'name="siteid"' in line or 'name="usercanmanageownfiles"' in line:
            assert line in told


def test_a_token_without_rights_gets_itself_empty_lists_and_warnings(site: Running) -> None:
    everybody = {"criteria[0][key]": "email", "criteria[0][value]": "%"}
    assert [each["id"] for each in ask(site, "core_user_get_users", POWERLESS, **everybody)["users"]] == [31]
    assert ask(site, "mod_forum_get_forums_by_courses", POWERLESS, **{"courseids[0]": 2}) == []
    quizzes = ask(site, "mod_quiz_get_quizzes_by_courses", POWERLESS, **{"courseids[0]": 2, "courseids[1]": 3})
    assert quizzes["quizzes"] == []
    assert [each["itemid"] for each in quizzes["warnings"]] == [2, 3]
    assert ask(site, "core_enrol_get_enrolled_users", POWERLESS, courseid=2)["errorcode"] == "requireloginerror"


def test_facts_after_the_simulated_time_do_not_exist_yet() -> None:
    noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    with running(RECORDINGS / "demo", only=("moodle",), clock=noon) as early:
        now = int(noon.timestamp())
        times: list[int] = []
        for course in range(2, 7):
            for person in ask(early, "core_enrol_get_enrolled_users", courseid=course):
                times += [person["lastaccess"], person["lastcourseaccess"], person["firstaccess"]]
                statuses = ask(
                    early, "core_completion_get_activities_completion_status", courseid=course, userid=person["id"]
                )
                times += [each["timecompleted"] for each in statuses["statuses"]]
            book = ask(early, "gradereport_user_get_grade_items", courseid=course, userid=0)
            times += [each["gradedategraded"] or 0 for person in book["usergrades"] for each in person["gradeitems"]]
        for forum in range(1, 6):
            for discussion in ask(early, "mod_forum_get_forum_discussions", forumid=forum, sortorder=1)["discussions"]:
                times.append(discussion["timemodified"])
                posts = ask(early, "mod_forum_get_discussion_posts", discussionid=discussion["discussion"])["posts"]
                assert len(posts) == discussion["numreplies"] + 1
                times += [post["timemodified"] for post in posts]
        both = {"assignmentids[0]": 1, "assignmentids[1]": 2}
        for each in ask(early, "mod_assign_get_submissions", **both)["assignments"]:
            times += [row["timemodified"] for row in each["submissions"]]
        assert max(times) <= now
        assert sum(1 for time in times if time) > 400


def test_an_attempt_is_open_between_its_start_and_its_end(site: Running) -> None:
    [attempt] = ask(site, "mod_quiz_get_user_attempts", quizid=1, userid=5, status="all")["attempts"]
    between = datetime.fromtimestamp(attempt["timestart"] + 1, UTC)
    assert attempt["timefinish"] - attempt["timestart"] > 1
    with running(RECORDINGS / "demo", only=("moodle",), clock=between) as early:
        [then] = ask(early, "mod_quiz_get_user_attempts", quizid=1, userid=5, status="all")["attempts"]
        assert (then["state"], then["timefinish"], then["sumgrades"]) == ("inprogress", 0, None)
        assert ask(early, "mod_quiz_get_user_attempts", quizid=1, userid=5)["attempts"] == []
        assert "exception" in ask(early, "mod_quiz_get_attempt_review", attemptid=attempt["id"])

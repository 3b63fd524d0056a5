"""A week over New Year out of files, worked out by hand: two zones, a joiner, a leaver, several addresses, other producers' verbs, a robot, a missing day.

Window Wednesday 30 December 2026 to Wednesday 6 January 2027: ISO week 53 has five days in it, week 1 has three.
"""

import hashlib
import json
from datetime import date
from typing import Any

import pytest

from leerstroom.indicators.files import from_files

FIRST, LAST = date(2026, 12, 30), date(2027, 1, 6)
EXT = "https://example.org/xapi/ext/"
EMPLOYEES = """employee_id,mbox,team,fte,in_service_from,in_service_to,time_zone
A,a.smit@x.nl;mailto:Anna@x.nl,T1,1.0,2020-01-01,,Europe/Amsterdam
B,b@x.nl,T1,0.6,2020-01-01,,America/New_York
C,c@x.nl,T2,1.0,2020-01-01,2026-12-31,Europe/Amsterdam
D,d@x.nl,T2,1.0,2027-01-05,,Europe/Amsterdam
"""


def said(number: int, actor: dict[str, str], verb: str, thing: str, at: str, kind: str, **more: Any) -> dict[str, Any]:
    context: dict[str, Any] = {
        "extensions": {
            f"{EXT}source-kind": kind,
            **{EXT + name: value for name, value in more.get("stated", {}).items()},
        }
    }
    if "parent" in more:
        context["contextActivities"] = {"parent": [{"id": f"https://x.nl/{more['parent']}"}]}
    return {
        "id": f"00000000-0000-4000-8000-{number:012}", "actor": actor, "verb": {"id": verb}, "timestamp": at, "context": context,
        "object": {"id": f"https://x.nl/{thing}", "definition": {"type": more.get("type", "http://adlnet.gov/expapi/activities/course")}},
        "result": {"duration": more["duration"]} if "duration" in more else {},
    }  # fmt: skip


ADL, TINCAN = "http://adlnet.gov/expapi/verbs/", "http://id.tincanapi.com/verb/"
MESSAGE = "http://id.tincanapi.com/activitytype/chat-message"
STATEMENTS = [
    said(1, {"mbox": "mailto:anna@x.nl"}, f"{ADL}completed", "c1", "2026-12-31T23:30:00Z", "lms", duration="PT2H"),
    said(2, {"mbox_sha1sum": hashlib.sha1(b"mailto:b@x.nl", usedforsecurity=False).hexdigest()}, "http://activitystrea.ms/terminate", "c1", "2027-01-01T04:45:00Z", "lms", duration="PT30M"),
    said(3, {"mbox": "mailto:c@x.nl"}, f"{ADL}completed", "c1", "2026-12-31T10:00:00Z", "lms", duration="PT20M"),
    said(4, {"mbox": "mailto:c@x.nl"}, f"{ADL}completed", "c2", "2027-01-01T10:00:00Z", "lms", duration="PT20M"),
    said(5, {"mbox": "mailto:d@x.nl"}, "https://w3id.org/xapi/tla/verbs/attended", "w1", "2027-01-05T14:00:00Z", "webinar", duration="PT45M", stated={"scheduled-minutes": 60}),
    said(6, {"mbox": "mailto:a.smit@x.nl"}, f"{ADL}asked", "q1", "2027-01-04T09:00:00Z", "chat", type=MESSAGE),
    said(7, {"mbox": "mailto:robot@x.nl"}, f"{TINCAN}replied", "r1", "2027-01-04T09:01:00Z", "chat", type=MESSAGE, parent="q1"),
    said(8, {"mbox": "mailto:b@x.nl"}, f"{TINCAN}replied-to-tweet", "r2", "2027-01-04T09:30:00Z", "chat", type=MESSAGE, parent="q1"),
    said(9, {"mbox": "mailto:ghost@elsewhere.nl"}, f"{TINCAN}replied", "r3", "2027-01-04T09:02:00Z", "chat", type=MESSAGE, parent="q1"),
]  # fmt: skip

BY_HAND = [
    # the session ends at half past midnight in Amsterdam
    ("formal_learning_minutes", "A", date(2026, 12, 31), 90, "ok"),
    ("formal_learning_minutes", "A", date(2027, 1, 1), 30, "ok"),
    ("formal_learning_minutes", "A", date(2027, 1, 2), None, "source_missing"),
    ("formal_learning_minutes", "A", None, 120, "partial"),
    ("formal_completions", "A", date(2026, 12, 31), 0, "ok"),
    ("formal_completions", "A", date(2027, 1, 1), 1, "ok"),
    # a quarter to five in the morning UTC is a quarter to midnight in New York
    ("formal_learning_minutes", "B", date(2026, 12, 31), 30, "ok"),
    ("formal_learning_minutes", "B", date(2027, 1, 1), 0, "ok"),
    # both days in service of the leaver were loaded
    ("formal_learning_minutes", "C", None, 20, "ok"),
    ("formal_completions", "C", None, 1, "ok"),
    ("formal_learning_minutes", "C", date(2027, 1, 1), None, "not_in_service"),
    ("formal_learning_minutes", "D", None, 0, "ok"),
    ("nonformal_learning_minutes", "D", None, 45, "ok"),
    ("webinar_presence_ratio", "D", None, 0.75, "ok"),
    ("nonformal_learning_minutes", "D", date(2027, 1, 4), None, "not_in_service"),
    ("help_received_rate", "A", None, 1, "ok"),
    ("first_response_minutes_median", "A", None, 30, "ok"),
    ("questions_answered_for_others", "B", None, 1, "ok"),
    ("active_learning_days", "A", None, 3, "partial"),
    ("learning_streak_workdays", "A", None, 3, "partial"),  # Thursday, Friday, Monday
    ("learning_regularity", "A", None, 1, "partial"),
    ("learning_regularity", "B", None, 1, "partial"),
    ("learning_regularity", "C", None, None, "no_denominator"),  # two days of week 53 are too few
    ("learning_regularity", "D", None, None, "no_denominator"),
    ("unresolved_actor_share", "ALL", None, 1 / 8, "ok"),
    ("learning_reach.any", "T1", None, None, "suppressed"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, date, date], tuple[Any, str]]:
    folder = tmp_path_factory.mktemp("new-year")
    (folder / "statements.json").write_text(json.dumps(STATEMENTS))
    (folder / "employees.csv").write_text(EMPLOYEES)
    (folder / "excluded.csv").write_text("mbox,kind\nrobot@x.nl,system\n")
    days = [date.fromordinal(number) for number in range(FIRST.toordinal(), LAST.toordinal() + 1)]
    coverage = [
        f"{day},{kind},{'failed' if (kind, day) == ('lms', date(2027, 1, 2)) else 'OK'}"
        for day in days
        for kind in ("lms", "chat", "webinar")
    ]
    (folder / "coverage.csv").write_text("\n".join(["date,source_kind,status", *coverage]))
    with from_files(
        folder / "statements.json", folder / "employees.csv", from_=FIRST, to=LAST, as_of=LAST,
        coverage=folder / "coverage.csv", excluded=folder / "excluded.csv",
    ) as values:  # fmt: skip
        return {
            (row["indicator_id"], row["subject"], row["period_start"], row["period_end"]): (row["value"], row["status"])
            for row in values.rows()
        }


@pytest.mark.parametrize(
    ("indicator", "subject", "day", "value", "status"), BY_HAND, ids=lambda each: str(each) if each is not None else "-"
)
def test_a_week_over_new_year(
    found: dict[tuple[str, str, date, date], tuple[Any, str]],
    indicator: str,
    subject: str,
    day: date | None,
    value: float | None,
    status: str,
) -> None:
    told, why = found[indicator, subject, day or FIRST, day or LAST]
    assert why == status
    assert told == (None if value is None else pytest.approx(value, abs=6e-5))

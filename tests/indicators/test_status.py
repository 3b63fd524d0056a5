"""No data is not zero: what a value's status says about sources, service and cases."""

from datetime import date
from typing import Any

import pytest

from leerstroom.errors import ConfigurationError


def test_a_day_without_its_source_has_no_value_and_the_window_is_partial(world: Any) -> None:
    world.employ("A")
    world.loads("lms", "chat", "offline", missing=((3, "lms"),))
    found = world.values("formal_learning_minutes", "questions_asked", "learning_minutes_total")
    assert [found.status("formal_learning_minutes", "A", day) for day in (2, 3)] == ["ok", "source_missing"]
    assert found("formal_learning_minutes", "A", 3) is None
    assert found.status("formal_learning_minutes", "A") == "partial"
    assert found("formal_learning_minutes", "A") == 0
    assert found.status("questions_asked", "A") == "ok"
    assert found.status("learning_minutes_total", "A") == "partial"


def test_a_source_that_was_never_loaded_is_missing_in_the_window_too(world: Any) -> None:
    world.employ("A")
    world.loads("lms", "chat", missing=tuple((day, "lms") for day in range(2, 9)))
    assert world.values("formal_learning_minutes").status("formal_learning_minutes", "A") == "source_missing"


def test_a_register_that_is_not_connected_gives_no_encounters_rather_than_none(world: Any) -> None:
    world.employ("A")
    world.loads("lms", "chat")
    found = world.values("offline_encounters", "practice_and_experiment_events")
    assert found.status("offline_encounters", "A") == "source_missing"
    assert found.status("practice_and_experiment_events", "A") == "source_missing"


def test_only_the_days_in_service_need_their_sources(world: Any) -> None:
    world.employ("A", since=date(2026, 11, 4))
    world.loads("lms", missing=((3, "lms"),))
    found = world.values("formal_learning_minutes")
    assert found.status("formal_learning_minutes", "A", 3) == "not_in_service"
    assert found.status("formal_learning_minutes", "A") == "ok"


def test_an_active_day_is_known_by_one_source(world: Any) -> None:
    world.employ("A", "B")
    world.loads("lms", "chat", missing=((3, "lms"),))
    world.does("A", "posted", "m", "2026-11-03T10:00", channel="room")
    found = world.values("active_learning_days")
    assert (found("active_learning_days", "A", 3), found.status("active_learning_days", "A", 3)) == (1, "ok")
    assert (found("active_learning_days", "B", 3), found.status("active_learning_days", "B", 3)) == (
        None,
        "source_missing",
    )


def test_without_coverage_the_sources_that_speak_count_as_loaded(world: Any) -> None:
    world.employ("A")
    world.coverage = None
    world.does("A", "posted", "m", "2026-11-03T10:00", channel="room")
    found = world.values("questions_asked", "formal_learning_minutes")
    assert found.status("questions_asked", "A") == "ok"
    assert found.status("formal_learning_minutes", "A") == "source_missing"


def test_mandatory_items_count_when_they_are_due_and_in_time_by_the_local_date(world: Any) -> None:
    world.employ(*"ABCDE")

    def item(who: str, verb: str, at: str, due: str) -> None:
        world.does(who, verb, "safety", at, kind="lms", type="course", stated={"mandatory": True, "due": due})

    item("A", "completed", "2026-11-04T22:30", "2026-11-04")  # 23:30 local: in time
    item("B", "completed", "2026-11-04T23:30", "2026-11-04")  # 00:30 local on the 5th: late
    item("C", "was-assigned", "2026-11-02T08:00", "2026-11-04")  # never done
    item("D", "was-assigned", "2026-11-02T08:00", "2026-11-09")  # not due yet
    item("E", "was-assigned", "2026-11-02T08:00", "2026-11-04")
    item("E", "failed", "2026-11-03T08:00", "2026-11-04")
    found = world.values("mandatory_on_time_rate")
    assert [found("mandatory_on_time_rate", who) for who in "ABCDE"] == [1, 0, 0, None, 0]
    assert found.status("mandatory_on_time_rate", "D") == "no_denominator"
    assert found("mandatory_on_time_rate", "ALL") == 0.25


def test_a_due_date_in_leave_or_before_hire_moves_to_the_next_working_day(world: Any) -> None:
    world.employ("A")
    world.employ("B", since=date(2026, 11, 5))
    world.directory.leave += [("A", date(2026, 11, day)) for day in (4, 5)]
    for who in "AB":
        world.does(
            who,
            "was-assigned",
            "safety",
            "2026-11-02T08:00",
            kind="lms",
            type="course",
            stated={"mandatory": True, "due": "2026-11-04"},
        )
    world.does("A", "completed", "safety", "2026-11-06T08:00", kind="lms", type="course", result={"completion": True})
    world.does("B", "completed", "safety", "2026-11-06T08:00", kind="lms", type="course", result={"completion": True})
    found = world.values("mandatory_on_time_rate")
    assert found("mandatory_on_time_rate", "A") == 1  # Friday the 6th is the first working day after leave
    assert found("mandatory_on_time_rate", "B") == 0  # the first day of service was the 5th


def test_scores_are_the_best_of_each_test_and_raw_ones_need_their_maximum(world: Any) -> None:
    world.employ(*"ABC")

    def scored(who: str, thing: str, at: str, **score: float) -> None:
        world.does(who, "failed", thing, f"2026-11-03T{at}", kind="lms", type="assessment", result={"score": score})

    scored("A", "t1", "10:00", scaled=-0.5)
    scored("A", "t2", "11:00", scaled=0.5)
    scored("A", "t2", "12:00", scaled=0.9)
    scored("B", "t1", "10:00", raw=8, max=10)
    scored("C", "t1", "10:00", raw=8)
    found = world.values("assessment_score_mean")
    assert [found("assessment_score_mean", who) for who in "ABC"] == pytest.approx([0.2, 0.8, None])


def test_completion_is_asked_only_of_what_began_four_weeks_ago(world: Any) -> None:
    world.employ("A")
    for thing, at in (("old", "2026-10-01"), ("done", "2026-10-01"), ("young", "2026-11-03")):
        world.does("A", "registered", thing, f"{at}T10:00", kind="lms", type="course")
    world.does("A", "completed", "done", "2026-11-03T10:00", kind="lms", type="course")
    row = world.values("formal_completion_rate").row("formal_completion_rate", "A")
    assert (row["numerator"], row["denominator"]) == (1, 2)


def test_failing_completes_nothing_and_completing_twice_counts_once(world: Any) -> None:
    world.employ("A")
    world.does("A", "failed", "x", "2026-11-03T10:00", kind="lms", type="course", result={"completion": True})
    world.does("A", "completed", "y", "2026-11-03T11:00", kind="lms", type="course")
    world.does("A", "passed", "y", "2026-11-04T11:00", kind="lms", type="course")
    found = world.values("formal_completions")
    assert found("formal_completions", "A") == 1
    assert [found("formal_completions", "A", day) for day in (3, 4)] == [1, 1]


def test_quality_counts_what_nobody_knows_and_what_no_rule_knows(world: Any) -> None:
    world.employ("A")
    world.does("A", "posted", "m", "2026-11-03T10:00", channel="room")
    world.does("A", "interacted", "thing", "2026-11-03T11:00", kind=None)
    world.does("guest", "posted", "n", "2026-11-03T12:00", channel="room")
    found = world.values("unresolved_actor_share", "unclassified_share", "source_coverage")
    assert found("unresolved_actor_share", "ALL") == pytest.approx(1 / 3)
    assert found("unclassified_share", "ALL") == pytest.approx(1 / 2)
    assert found("source_coverage.lms", "ALL") == 1


def test_windows_end_at_the_as_of_day(world: Any) -> None:
    world.employ("A")
    for day in (1, 2, 8):
        world.does("A", "posted", f"m{day}", f"2026-11-0{day}T10:00", channel="room")
    found = world.values("active_learning_days", windows=(7, 28, 90))
    windows = {row["period_start"]: row["value"] for row in found.rows if row["grain"] == "employee_window"}
    assert windows == {date(2026, 11, 2): 2, date(2026, 10, 12): 3, date(2026, 8, 11): 3}


def test_unknown_indicators_and_turned_dates_are_refused(world: Any) -> None:
    world.employ("A")
    with pytest.raises(ConfigurationError, match="unknown indicators happiness"):
        world.values("happiness")
    world.first, world.last = world.last, world.first
    with pytest.raises(ConfigurationError, match="ends"):
        world.values("questions_asked")


def test_shown_profile_needs_ten_active_days_in_ninety(world: Any) -> None:
    world.employ("A", "B")
    world.coverage = None
    for day in range(1, 11):
        world.does("A", "posted", f"m{day}", f"2026-10-{day + 10}T10:00", channel="room")
    world.does("B", "posted", "n", "2026-10-20T10:00", channel="room")
    found = world.values("preference_profile", windows=(90,))
    assert found("preference_profile.participation", "A") == 1
    assert found.status("preference_profile.participation", "B") == "no_denominator"


def test_files_of_a_mirror_that_are_older_than_a_column_are_read(world: Any, tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    from leerstroom.indicators import compute
    from leerstroom.mirror.columns import to_table

    world.employ("A")
    world.does("A", "completed", "c", "2026-11-03T10:00", kind="lms", type="course", minutes=20)
    world.does("A", "completed", "d", "2026-11-04T10:00", kind="lms", type="course", minutes=10)
    table = to_table(world.statements)
    older, newer = tmp_path / "older.parquet", tmp_path / "newer.parquet"
    pq.write_table(table.slice(0, 1).drop_columns(["duration_basis"]), older)
    pq.write_table(table.slice(1), newer)
    for files, minutes in (([older], 20), ([older, newer], 30)):
        with compute(
            files, world.directory, rules=world.rules, coverage=world.coverage, from_=world.first, to=world.last, as_of=world.last,
            windows=None, only=["formal_learning_minutes"],
        ) as found:  # fmt: skip
            assert [row["value"] for row in found.rows() if row["grain"] == "employee_window"] == [minutes]


def test_an_empty_mirror_gives_values_all_the_same(world: Any, tmp_path: Any) -> None:
    from leerstroom.indicators import compute

    world.employ("A")
    with compute(
        [],
        world.directory,
        rules=world.rules,
        coverage=world.coverage,
        from_=world.first,
        to=world.last,
        as_of=world.last,
        only=["questions_asked"],
    ) as found:
        assert {(row["value"], row["status"]) for row in found.rows() if row["grain"] == "employee_day"} == {(0, "ok")}
        found.write_parquet(f"file://{tmp_path}/deep/values.parquet")
        assert found.count == found.table.num_rows
    import pyarrow.parquet as pq

    assert pq.read_table(tmp_path / "deep" / "values.parquet").column_names[:3] == ["indicator_id", "grain", "subject"]


def test_every_indicator_has_its_words_in_both_languages() -> None:
    from leerstroom.indicators import catalogue
    from leerstroom.schemas import read_yaml

    texts = read_yaml("indicators.yaml")
    assert {each.base for each in catalogue()} == set(texts)
    for name, text in texts.items():
        mine = [each for each in catalogue() if each.base == name]
        assert set(text["grains"]) == {grain for each in mine for grain in each.grains}, name
        parts = {each.id.split(".", 1)[1] for each in mine if "." in each.id}
        parts = {
            each for each in parts if "estimates_" not in each
        }  # the same words for every share: publishing/definitions.py
        assert parts == {*text.get("categories", {}), *text.get("parts", {})}, name
        for language in ("en", "nl"):
            assert all(text[language][word].strip() for word in ("name", "question", "formula", "reading", "misuse")), (
                name
            )

"""Groups: medians, pooled ratios, suppression, networks, the profile."""

from datetime import date
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.indicators.disclosure import Reached, telling, verdicts


@pytest.mark.parametrize(
    ("sizes", "others", "expected"),
    [
        ({"a": 5, "b": 9}, 0, {}),
        ({"a": 2, "b": 6, "c": 9}, 0, {"a": "suppressed", "b": "suppressed_secondary"}),
        ({"a": 2, "b": 3, "c": 9}, 0, {"a": "suppressed", "b": "suppressed"}),  # together five: nothing follows
        ({"a": 2, "b": 2, "c": 9}, 0, {"a": "suppressed", "b": "suppressed", "c": "suppressed_secondary"}),
        ({"a": 6, "b": 9}, 3, {"a": "suppressed_secondary"}),  # three people without a team would follow
        ({"a": 2}, 0, {"a": "suppressed"}),
    ],
)
def test_what_is_left_out_is_never_under_the_minimum(
    sizes: dict[str, int], others: int, expected: dict[str, str]
) -> None:
    assert verdicts(sizes, 5, others=others) == expected


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 30), max_size=12),
    st.integers(0, 12),
    st.integers(5, 10),
)
def test_subtraction_never_reveals_fewer_than_the_minimum(sizes: dict[str, int], others: int, minimum: int) -> None:
    found = verdicts(sizes, minimum, others=others)
    published = [people for subject, people in sizes.items() if subject not in found]
    assert all(people >= minimum for people in published)
    hidden = sum(sizes.values()) + others - sum(published)  # what whoever knows the whole can work out
    assert hidden == 0 or hidden >= minimum or not published


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3), st.tuples(st.integers(5, 12), st.integers(0, 12)), max_size=8
    ),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_who_is_left_out_is_never_told_to_be_nobody_or_everybody(
    sizes: dict[str, tuple[int, int]], others: tuple[int, int]
) -> None:
    teams = {(team, 7): Reached(min(reached, people), people) for team, (people, reached) in sizes.items()}
    rest = Reached(min(others), others[0])
    whole = Reached(
        sum(each.reached for each in (rest, *teams.values())), sum(each.people for each in (rest, *teams.values()))
    )
    hidden = telling(teams, {7: whole}, 5)
    shown = [each for (team, _), each in teams.items() if team not in hidden]
    people = whole.people - sum(each.people for each in shown)
    reached = whole.reached - sum(each.reached for each in shown)
    assert not shown or not people or whole.reached in {0, whole.people} or (people >= 5 and 0 < reached < people)


def test_communities_of_the_same_few_people_are_few_people(world: Any) -> None:
    names = [f"P{number}" for number in range(8)]
    world.employ(*names)
    for number, name in enumerate(names):
        world.does(name, "asked", f"m{number}", f"2026-11-03T10:0{number}", channel="large")
    for room in ("one", "two"):
        for number in range(3):
            world.does(names[number], "asked", f"{room}{number}", f"2026-11-04T10:0{number}", channel=room)
    found = world.values("questions_asked")
    # three people in each of two rooms are not six: what the whole has beyond the large room is theirs
    assert found.status("questions_asked", "https://t.example/large") == "suppressed_secondary"


def test_a_longer_window_of_a_community_must_not_tell_what_one_person_did_before(world: Any) -> None:
    names = [f"P{number}" for number in range(12)]
    world.employ(*names)
    world.coverage = None
    for number, name in enumerate(names):
        for room in ("one", "two") if number < 6 else ("two",):
            world.does(name, "asked", f"{room}{number}", f"2026-11-03T10:{number:02}", channel=room)
            if room == "two" and number < 6:
                world.does(name, "asked", f"earlier{number}", f"2026-10-20T10:{number:02}", channel=room)
    world.does("P0", "asked", "once", "2026-10-20T12:00", channel="one")
    rows = world.values("questions_asked", windows=(7, 28)).rows
    found = {
        (row["subject"][-3:], (row["period_end"] - row["period_start"]).days + 1): row["status"]
        for row in rows
        if row["grain"] == "community_window"
    }
    # and with the other room's longer window, the whole less that room would tell it again
    assert found == {
        ("one", 7): "ok",
        ("two", 7): "ok",
        ("one", 28): "suppressed_secondary",
        ("two", 28): "suppressed_secondary",
    }


def test_a_longer_window_of_the_organisation_must_not_tell_what_the_first_few_did(world: Any) -> None:
    world.coverage = None
    world.employ("A", "B", "C")
    world.employ(*(f"P{number}" for number in range(6)), since=date(2026, 11, 2))
    world.does("A", "asked", "q", "2026-10-20T10:00", channel="room")
    rows = world.values("questions_asked", windows=(7, 28)).rows
    found = {
        row["period_start"]: row["status"]
        for row in rows
        if row["grain"] == "organisation_window" and "." not in row["indicator_id"]
    }
    assert found == {date(2026, 11, 2): "ok", date(2026, 10, 12): "suppressed_secondary"}


def test_who_left_is_not_told_by_the_difference_of_two_windows(world: Any) -> None:
    world.coverage = None
    world.employ(*(f"P{number}" for number in range(6)))
    world.employ("left", until=date(2026, 10, 25))
    for number in range(6):
        world.does(f"P{number}", "posted", f"m{number}", f"2026-11-03T10:0{number}", channel="room")
    rows = world.values("learning_reach", windows=(7, 28)).rows
    assert {row["denominator"] for row in rows if row["indicator_id"] == "learning_reach.informal"} == {6}


def test_the_settings_raise_the_smallest_group_and_never_lower_it(world: Any) -> None:
    from leerstroom.indicators import compute
    from leerstroom.mirror.columns import to_table

    world.employ(*(f"P{number}" for number in range(6)))
    arguments = {
        "rules": world.rules,
        "coverage": None,
        "from_": world.last,
        "to": world.last,
        "as_of": world.last,
        "windows": (7,),
    }
    for minimum, status in ((1, "source_missing"), (6, "source_missing"), (7, "suppressed")):
        with compute(
            to_table([]), world.directory, only=["learning_reach"], minimum_group=minimum, **arguments
        ) as found:
            assert {row["status"] for row in found.rows()} == {status}


def six(world: Any) -> list[str]:
    """The names of six people of one team, each with half an hour of formal learning."""
    names = [f"P{number}" for number in range(6)]
    world.employ(*names)
    world.coverage = None
    for name in names:
        world.does(name, "progressed", "c", "2026-11-03T10:00", kind="lms", type="course", minutes=30)
    return names


def test_quartiles_of_fewer_than_ten_are_values_of_persons_and_not_published(world: Any) -> None:
    six(world)
    few = world.values("formal_learning_minutes", windows=(7, 28))
    world.employ(*(f"Q{number}" for number in range(4)))
    ten = world.values("formal_learning_minutes", windows=(7, 28))
    for found, status in ((few, "suppressed"), (ten, "ok")):
        assert found.row_of("formal_learning_minutes.p75", 28, "T1")["status"] == status
        assert found.row_of("formal_learning_minutes", 28, "T1")["status"] == "ok"


def test_a_ratio_over_four_of_six_is_not_published(world: Any) -> None:
    names = six(world)
    for name in names[:4]:
        stated = {"initiator": "self"}
        world.does(name, "progressed", "d", "2026-11-04T10:00", kind="lms", type="course", minutes=20, stated=stated)
    found = world.values("self_directed_share", "generation_share", windows=(7, 28))
    assert found.row_of("self_directed_share", 28, "T1")["status"] == "suppressed"
    assert found.row_of("generation_share.1.0", 28, "T1")["value"] == 1


def test_a_sum_of_four_people_is_not_published(world: Any) -> None:
    names = six(world)
    for name in names[:4]:
        world.does(name, "attended", "w", "2026-11-04T10:00", kind="webinar", type="webinar", minutes=50)
    found = world.values(windows=(7, 28))
    assert found.row_of("nonformal_learning_minutes", 28)["numerator"] is None
    assert found.row_of("learning_minutes_total", 28)["numerator"] is None  # less the formal minutes it would tell it
    assert found.row_of("generation_share.1.0", 28)["value"] == 1


def test_a_part_of_nonformal_learning_that_is_one_persons_hides_the_other_parts(world: Any) -> None:
    names = six(world)
    for name in names:
        world.does(name, "attended", "m", "2026-11-04T10:00", kind="offline", type="workshop", minutes=40)
    world.does("P0", "attended", "w", "2026-11-05T10:00", kind="webinar", type="webinar", minutes=50)
    found = world.values("nonformal_learning_minutes", windows=(7, 28))
    sums = [found.row_of(f"nonformal_learning_minutes{part}", 28)["numerator"] for part in ("", ".offline", ".webinar")]
    assert sums == [6 * 40 + 50, None, None]


def test_a_share_of_all_minutes_that_is_one_persons_goes_with_another(world: Any) -> None:
    names = six(world)
    for name in names:
        world.does(name, "attended", "m", "2026-11-04T13:00", kind="offline", type="meeting", minutes=10)
    world.does("P0", "attended", "s", "2026-11-05T10:00", kind="offline", type="workshop", minutes=50)
    found = world.values("generation_share", windows=(7, 28))
    shares = {stage: found.row_of(f"generation_share.{stage}", 28) for stage in ("1.0", "2.0", "3.0")}
    assert {stage: row["status"] for stage, row in shares.items()} == {
        "1.0": "ok", "2.0": "suppressed_dominance", "3.0": "suppressed_dominance",
    }  # fmt: skip
    assert shares["1.0"]["value"] == pytest.approx(180 / 290)
    assert found.row_of("generation_share.1.0", 28, "T1")["value"] == 0.62  # of a team in whole percents


def test_what_one_person_asked_in_a_room_does_not_follow_from_what_all_asked(world: Any) -> None:
    names = [f"P{number}" for number in range(6)]
    world.employ(*names)
    world.coverage = None
    for number, name in enumerate(names):
        world.does(name, "posted", f"m{number}", f"2026-11-03T10:0{number}", channel="one")
        world.does(name, "asked", f"q{number}", f"2026-11-03T11:0{number}", channel="two")
    world.does("P0", "asked", "q", "2026-11-03T12:00", channel="one")
    found = world.values("questions_asked", windows=(7, 28))
    assert found.row_of("questions_asked", 28, "https://t.example/one")["status"] == "suppressed_dominance"
    assert found.row_of("questions_asked", 28, "https://t.example/two")["status"] == "suppressed_secondary"
    assert found.row_of("questions_asked", 28)["numerator"] == 7


def test_where_one_person_asked_all_and_no_other_room_can_go_the_sum_goes(world: Any) -> None:
    names = [f"P{number}" for number in range(6)]
    world.employ(*names)
    world.coverage = None
    for number, name in enumerate(names):
        world.does(name, "posted", f"m{number}", f"2026-11-03T10:0{number}", channel="one")
        world.does(name, "posted", f"n{number}", f"2026-11-03T11:0{number}", channel="two")
    world.does("P0", "asked", "q", "2026-11-03T12:00", channel="one")
    found = world.values("questions_asked", windows=(7, 28))
    assert found.row_of("questions_asked", 28, "https://t.example/one")["status"] == "suppressed_dominance"
    assert found.row_of("questions_asked", 28, "https://t.example/two")["value"] == 0
    assert found.row_of("questions_asked", 28)["numerator"] is None


def test_quality_says_nothing_about_the_minutes_or_events_of_four_people(world: Any) -> None:
    names = [f"P{number}" for number in range(4)]
    world.employ(*names)
    world.coverage = None
    for number, name in enumerate(names):
        world.does(name, "asked", f"q{number}", f"2026-11-03T10:0{number}", channel="room")
    found = world.values("estimated_minutes_share", "unclassified_share", "unresolved_actor_share", windows=(7, 28))
    assert found.row_of("estimated_minutes_share", 28)["status"] == "suppressed"
    for share in ("unclassified_share", "unresolved_actor_share"):
        row = found.row_of(share, 28)
        assert (row["value"], row["numerator"], row["denominator"]) == (0, None, None)


def test_no_window_holds_a_day_with_few_in_service(world: Any) -> None:
    world.coverage = None
    world.employ("A", "B")
    world.employ(*(f"P{number}" for number in range(6)), since=date(2026, 10, 20))
    found = world.values("active_learning_days", windows=(7, 28))
    assert [found.row_of("active_learning_days", days)["status"] for days in (7, 28)] == [
        "source_missing",
        "suppressed_secondary",
    ]


def test_reach_tells_nothing_of_the_few_who_completed_nothing(world: Any) -> None:
    names = six(world)
    for name in names[:3]:
        world.does(name, "completed", "c", "2026-11-04T10:00", kind="lms", type="course")
    found = world.values("learning_reach", "formal_completions", windows=(7, 28))
    statuses = {
        name: found.row_of(f"learning_reach.{name}", 28, "T1")["status"] for name in ("formal", "any", "informal")
    }
    assert statuses == {"formal": "suppressed_secondary", "any": "suppressed_secondary", "informal": "ok"}


def test_parts_of_a_ratio_of_a_team_are_not_published(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(6)))
    for number in range(6):
        world.does(f"P{number}", "asked", f"q{number}", f"2026-11-03T10:0{number}", channel="room")
        world.does(
            f"P{(number + 1) % 6}",
            "replied",
            f"r{number}",
            f"2026-11-03T11:0{number}",
            channel="room",
            parent=f"q{number}",
        )
    found = world.values("question_answer_rate_72h")
    assert (found("question_answer_rate_72h", "T1"), found.row("question_answer_rate_72h", "T1")["denominator"]) == (
        1,
        None,
    )
    assert found.row("question_answer_rate_72h", "ALL")["denominator"] == 6


def test_shares_are_told_with_estimates_halved_and_doubled(world: Any) -> None:
    names = [f"P{number}" for number in range(6)]
    world.employ(*names)
    for number, name in enumerate(names):
        stated = {"initiator": "assigned", "mandatory": True, "device": "desktop"}
        world.does(
            name, "progressed", f"c{number}", "2026-11-03T10:00", kind="lms", type="course", minutes=20, stated=stated
        )
        stated = {"mandatory": False, "device": "mobile"}
        world.does(name, "asked", f"q{number}", f"2026-11-03T11:0{number}", channel="room", stated=stated)
        world.does(name, "posted", f"p{number}", f"2026-11-03T12:0{number}", channel="room", stated=stated)
    found = world.values(
        "generation_share", "self_directed_share", "mandatory_minutes_share", "place_independent_share"
    )
    for factor, name in ((0.5, ".estimates_half"), (1, ""), (2, ".estimates_double")):
        estimated = factor * (3 + 5)
        assert found(f"generation_share.3.0{name}", "ALL") == pytest.approx(estimated / (20 + estimated))
        assert found(f"generation_share.1.0{name}", "ALL") == pytest.approx(20 / (20 + estimated))
        assert found(f"self_directed_share{name}", "ALL") == pytest.approx(estimated / (20 + estimated))
        assert found(f"mandatory_minutes_share{name}", "ALL") == pytest.approx(20 / (20 + estimated))
        assert found(f"place_independent_share{name}", "ALL") == pytest.approx(estimated / (20 + estimated))


def test_a_share_that_is_one_persons_stays_hidden_with_other_estimates(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(6)))
    world.does("P0", "progressed", "c", "2026-11-03T10:00", kind="lms", type="course", minutes=200)
    found = world.values("generation_share")
    assert {
        found.status(f"generation_share.1.0{name}", "ALL") for name in ("", ".estimates_half", ".estimates_double")
    } == {"suppressed_dominance"}


def test_teams_get_medians_and_the_organisation_the_sum_as_well(world: Any) -> None:
    names = [f"P{number}" for number in range(11)]
    world.employ(*names[:5], team="T1")
    world.employ(*names[5:], team="T2")
    for number, name in enumerate(names):
        world.does(
            name, "progressed", f"c{number}", "2026-11-03T12:00", kind="lms", type="course", minutes=number or 0.1
        )
    found = world.values("formal_learning_minutes", "learning_reach")
    assert found("formal_learning_minutes", "T1") == 2
    assert found("formal_learning_minutes.p25", "T1") == 1
    assert found("formal_learning_minutes.p75", "T2") == 8.75
    assert found.row("formal_learning_minutes", "T1")["numerator"] is None
    assert found.row("formal_learning_minutes", "ALL")["numerator"] == pytest.approx(55.1)
    assert found("learning_reach.formal", "ALL") == 1
    assert found("learning_reach.informal", "T1") == 0


@pytest.mark.parametrize("companion", ["informal", "formal"])
def test_the_sum_of_a_kind_that_is_one_persons_follows_from_no_other_sum(world: Any, companion: str) -> None:
    names = [f"P{number}" for number in range(6)]
    world.employ(*names)
    long, short = (30, 10) if companion == "informal" else (10, 30)
    for name in names:
        world.does(name, "progressed", "c", "2026-11-03T10:00", kind="lms", type="course", minutes=long)
        world.does(name, "attended", "m", "2026-11-03T13:00", kind="offline", type="meeting", minutes=short)
    world.does("P0", "attended", "w", "2026-11-04T10:00", kind="webinar", type="webinar", minutes=50)
    found = world.values(windows=(7, 28))

    def parts(name: str) -> tuple[float | None, float | None]:
        row = found.row_of(name, 7)
        return row["numerator"], row["denominator"]

    kinds = {kind: parts(f"{kind}_learning_minutes")[0] for kind in ("formal", "nonformal", "informal")}
    shown = "formal" if companion == "informal" else "informal"
    assert {kind for kind, total in kinds.items() if total is not None} == {shown}
    assert kinds[shown] == 6 * 30
    assert parts("learning_minutes_total")[0] is None
    for share in ("generation_share.1.0", "mode_70_20_10_share.10", "estimated_minutes_share"):
        assert parts(share) == (None, None)
        assert found.row_of(share, 7)["value"] is not None
    assert parts("nonformal_learning_minutes.webinar")[0] is None


def test_sums_that_are_nobodys_alone_are_all_published(world: Any) -> None:
    names = [f"P{number}" for number in range(6)]
    world.employ(*names)
    for name in names:
        world.does(name, "progressed", "c", "2026-11-03T10:00", kind="lms", type="course", minutes=30)
        world.does(name, "attended", "m", "2026-11-03T13:00", kind="offline", type="meeting", minutes=10)
    found = world.values(
        "formal_learning_minutes",
        "informal_learning_minutes",
        "nonformal_learning_minutes",
        "learning_minutes_total",
        windows=(7, 28),
    )
    sums = {
        row["indicator_id"]: row["numerator"]
        for row in found.rows
        if row["subject"] == "ALL" and row["indicator_id"].count(".") == 0
    }
    assert sums == {
        "formal_learning_minutes": 180,
        "informal_learning_minutes": 60,
        "nonformal_learning_minutes": 0,
        "learning_minutes_total": 240,
    }


def test_a_small_team_vanishes_and_takes_the_next_smallest_with_it(world: Any) -> None:
    world.employ("A", "B", team="T1")
    world.employ(*(f"C{number}" for number in range(5)), team="T2")
    world.employ(*(f"D{number}" for number in range(6)), team="T3")
    found = world.values("learning_reach")
    assert [found.status("learning_reach.any", team) for team in ("T1", "T2", "T3", "ALL")] == [
        "suppressed",
        "suppressed_secondary",
        "ok",
        "ok",
    ]


def test_a_share_that_is_one_persons_is_not_published(world: Any) -> None:
    names = [f"P{number}" for number in range(5)]
    world.employ(*names)
    world.does(
        "P0",
        "progressed",
        "c",
        "2026-11-03T12:00",
        kind="lms",
        type="course",
        minutes=200,
        stated={"initiator": "self"},
    )
    world.does(
        "P1",
        "progressed",
        "d",
        "2026-11-03T12:00",
        kind="lms",
        type="course",
        minutes=10,
        stated={"initiator": "assigned"},
    )
    found = world.values("self_directed_share")
    assert found.status("self_directed_share", "T1") == "suppressed_dominance"
    assert found("self_directed_share", "T1") is None


def test_a_community_under_five_contributors_is_suppressed(world: Any) -> None:
    names = [f"P{number}" for number in range(7)]
    world.employ(*names)
    for number, name in enumerate(names):
        world.does(name, "posted", f"m{number}", f"2026-11-03T10:0{number}", channel="large")
    for number in range(2):
        world.does(names[number], "posted", f"n{number}", f"2026-11-03T11:0{number}", channel="small")
    found = world.values("community_active_contributors", "questions_asked")
    assert (
        found("community_active_contributors", "https://t.example/large") is None
    )  # else small would follow from the whole
    assert found.status("community_active_contributors", "https://t.example/small") == "suppressed"
    assert found.status("questions_asked", "https://t.example/large") == "suppressed_secondary"


def test_communities_count_contributors_facilitators_and_concentration(world: Any) -> None:
    names = [f"P{number}" for number in range(12)]
    world.employ(*names)
    for number, name in enumerate(names):
        for time in range(1 if number else 9):
            role = {"actor-role": "moderator"} if number == 0 else {}
            world.does(
                name,
                "posted",
                f"m{number}-{time}",
                f"2026-11-03T1{time}:{number:02}",
                channel="room",
                stated={"channel-kind": "spontaneous_group", **role},
            )
    world.does("P1", "posted", "earlier", "2026-10-20T10:00", channel="room")
    found = world.values(
        "community_active_contributors",
        "community_facilitator_share",
        "community_concentration",
        "spontaneous_group_share",
    )
    room = "https://t.example/room"
    assert found("community_active_contributors", room) == 12
    assert found("community_active_contributors.new", room) == 11
    assert found("community_facilitator_share", room) == pytest.approx(9 / 20)
    counts = sorted([9] + [1] * 11)
    gini = sum((2 * rank - 12 - 1) * count for rank, count in enumerate(counts, 1)) / (12 * sum(counts))
    assert found("community_concentration", room) == pytest.approx(gini)
    assert found("spontaneous_group_share", "ALL") == 1


def test_brokerage_is_one_minus_the_median_constraint_that_networkx_finds(world: Any) -> None:
    names = [f"P{number:02}" for number in range(14)]
    world.employ(*names)
    graph = nx.Graph()
    links = [
        (i, (i + step) % 14, weight) for i in range(14) for step, weight in ((1, 2), (3, 1)) if (i * step) % 5 != 2
    ]
    for number, (one, other, weight) in enumerate(links):
        for time in range(weight):
            world.does(
                names[one],
                "posted",
                f"m{number}-{time}",
                f"2026-11-0{3 + time}T10:{number:02}",
                channel="room",
                stated={"mentions": [f"mailto:{names[other].lower()}@example.org"]},
            )
        graph.add_edge(one, other, weight=weight + (graph.get_edge_data(one, other) or {"weight": 0})["weight"])
    constraint = nx.constraint(graph, weight="weight")
    values = sorted(value for node, value in constraint.items() if graph.degree(node) >= 2)
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    found = world.values("network_brokerage")
    assert found("network_brokerage", "ALL") == pytest.approx(1 - middle)
    assert found("network_brokerage", "T1") == pytest.approx(1 - middle)
    between = nx.betweenness_centrality(nx.Graph(graph.edges)).values()
    assert found("network_brokerage.centralisation", "ALL") == pytest.approx(
        sum(max(between) - each for each in between) / 13
    )


def test_small_networks_have_no_brokerage(world: Any) -> None:
    world.employ(*"ABCDEFGHIJK")
    world.does("A", "posted", "m", "2026-11-03T10:00", channel="room", stated={"mentions": ["mailto:b@example.org"]})
    assert world.values("network_brokerage").status("network_brokerage", "ALL") == "no_denominator"


def test_the_profile_runs_from_one_to_three_over_ninety_days(world: Any) -> None:
    world.first = date(2026, 11, 8)
    world.coverage = None
    world.employ(*(f"P{number}" for number in range(6)))
    for number in range(6):
        world.does(f"P{number}", "progressed", "c", f"2026-11-03T1{number}:00", kind="lms", type="course", minutes=60)
        world.does(
            f"P{number}",
            "attended",
            "talk",
            f"2026-11-04T1{number}:00",
            kind="offline",
            type="face-to-face-discussion",
            minutes=20,
        )
    found = world.values("learning_maturity_profile", windows=(7, 90))
    assert {row["period_start"] for row in found.rows} == {date(2026, 8, 11)}
    assert found("learning_maturity_profile.delivery", "ALL") == pytest.approx((1 * 60 + 3 * 20) / 80)
    assert found("learning_maturity_profile.ownership", "ALL") == pytest.approx((1 * 60 + 3 * 20) / 80)
    assert found("learning_maturity_profile.place_time", "ALL") == pytest.approx((2 * 60 + 1 * 20) / 80)
    assert found("learning_maturity_profile.direction", "ALL") == pytest.approx(3)
    assert found.status("learning_maturity_profile.teacher_role", "ALL") == "not_measurable"
    assert (
        found.status("learning_maturity_profile.delivery", "T1") == "suppressed"
    )  # a team of this profile has twenty people


def test_what_is_mostly_estimated_is_not_measurable(world: Any) -> None:
    world.coverage = None
    world.employ(*(f"P{number}" for number in range(6)))
    world.does("P0", "posted", "m", "2026-11-03T10:00", channel="room")
    world.does("P1", "attended", "talk", "2026-11-04T10:00", kind="offline", type="face-to-face-discussion")
    found = world.values("learning_maturity_profile", windows=(90,))
    assert found.status("learning_maturity_profile.delivery", "ALL") == "not_measurable"

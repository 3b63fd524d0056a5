"""Questions, answers, ties: what counts between identified employees, and what does not."""

from typing import Any

import pytest

from leerstroom.statements.ids import name_uuid

TALK = ("questions_asked", "questions_answered_for_others", "help_received_rate", "first_response_minutes_median")
NET = ("network_breadth", "help_tie_reciprocity", "cross_team_tie_share")


def asks(world: Any, who: str, thing: str, at: str, **more: Any) -> str:
    return str(world.does(who, "asked", thing, f"2026-11-03T{at}", type="chat-message", channel="room", **more))


def replies(world: Any, who: str, thing: str, at: str, parent: str, **more: Any) -> str:
    return str(
        world.does(
            who, "replied", thing, f"2026-11-03T{at}", type="chat-message", channel="room", parent=parent, **more
        )
    )


def test_several_replies_to_one_question_are_one_answer_and_a_reply_to_oneself_is_none(world: Any) -> None:
    world.employ("A", "B")
    asks(world, "A", "q", "08:00")
    replies(world, "A", "r0", "08:01", "q")
    replies(world, "B", "r1", "08:10", "q")
    replies(world, "B", "r2", "08:20", "q")
    found = world.values(*TALK, "informal_learning_minutes")
    assert found("questions_answered_for_others", "B") == 1
    assert found("questions_answered_for_others", "A") == 0
    assert found("first_response_minutes_median", "A") == 10
    assert found("informal_learning_minutes", "A") == 3  # the reply to oneself is not estimated


def test_an_outsider_and_an_excluded_account_answer_nothing(world: Any) -> None:
    world.employ("A", "B")
    world.directory.excluded_accounts.append(("email", "bot@example.org"))
    asks(world, "A", "q", "08:00")
    replies(world, "outsider", "r1", "08:05", "q")
    replies(world, "bot", "r2", "08:06", "q")
    found = world.values(*TALK, "unresolved_actor_share", *NET)
    assert found.row("help_received_rate", "A")["numerator"] == 0
    assert found("first_response_minutes_median", "A") is None
    assert found.row("unresolved_actor_share", "ALL")["denominator"] == 2  # the excluded account is not counted at all
    assert found("network_breadth", "A") == 0


def test_a_reply_to_a_shared_link_is_no_answer_but_a_tie(world: Any) -> None:
    world.employ("A", "B")
    world.does("A", "shared", "link", "2026-11-03T08:00", type="link", channel="room")
    replies(world, "B", "r", "08:10", "link")
    found = world.values(*TALK, *NET)
    assert found("questions_answered_for_others", "B") == 0
    assert found("network_breadth", "A") == 1


def test_no_questions_means_no_rate(world: Any) -> None:
    world.employ("A")
    found = world.values(*TALK)
    assert found.status("help_received_rate", "A") == "no_denominator"
    assert found.status("first_response_minutes_median", "A") == "no_denominator"


def test_an_edit_adds_nothing(world: Any) -> None:
    world.employ("A", "B")
    asks(world, "A", "q", "08:00")
    world.does(
        "A",
        "edited",
        "q",
        "2026-11-03T08:30",
        type="chat-message",
        channel="room",
        stated={"mentions": ["mailto:b@example.org"]},
    )
    found = world.values(*TALK, "informal_learning_minutes", *NET)
    assert found("questions_asked", "A") == 1
    assert found("informal_learning_minutes", "A") == 3
    assert found("network_breadth", "A") == 0


@pytest.mark.parametrize("deleter", ["B", "moderator", "bot"])
def test_a_deleted_message_was_never_there_whoever_deleted_it(world: Any, deleter: str) -> None:
    world.employ("A", "B")
    world.directory.excluded_accounts.append(("email", "bot@example.org"))
    asks(world, "A", "q", "08:00")
    replies(world, "B", "r", "08:10", "q", stated={"mentions": ["mailto:a@example.org"]})
    world.does(deleter, "deleted", "r", "2026-11-04T09:00", type="chat-message", channel="room")
    found = world.values(*TALK, *NET, "informal_learning_minutes", "active_learning_days")
    assert found("questions_answered_for_others", "B") == 0
    assert found.row("help_received_rate", "A")["numerator"] == 0
    assert found("network_breadth", "A") == 0
    assert found("informal_learning_minutes", "B") == 0
    assert found("active_learning_days", "B") == 0


def test_the_reply_to_a_deleted_question_stays_but_answers_nobody(world: Any) -> None:
    world.employ("A", "B")
    asks(world, "A", "q", "08:00")
    replies(world, "B", "r", "08:10", "q")
    world.does("A", "deleted", "q", "2026-11-04T09:00", type="chat-message", channel="room")
    found = world.values(*TALK, *NET, "informal_learning_minutes")
    assert found("questions_asked", "A") == 0
    assert found("questions_answered_for_others", "B") == 0
    assert found("network_breadth", "B") == 0
    assert found("informal_learning_minutes", "B") == 5


def test_a_voided_deletion_deletes_nothing(world: Any) -> None:
    world.employ("A")
    asks(world, "A", "q", "08:00")
    world.voids(world.does("A", "deleted", "q", "2026-11-04T09:00", type="chat-message", channel="room"))
    assert world.values(*TALK)("questions_asked", "A") == 1


def test_reactions_make_no_ties_and_taken_back_ones_do_not_count(world: Any) -> None:
    world.employ("A", "B")
    asks(world, "A", "q", "08:00")
    world.does("B", "liked", "q", "2026-11-03T08:10", channel="room")
    world.does("B", "liked", "q2", "2026-11-03T08:11", channel="room")
    world.does("B", "liked", "q2", "2026-11-03T08:12", channel="room")
    world.statements[-1]["verb"] = {"id": "http://activitystrea.ms/unlike"}
    found = world.values("reactions_given", *NET)
    assert found("reactions_given", "B") == 1
    assert found("network_breadth", "B") == 0


def test_mentions_make_ties_in_every_form_of_identity(world: Any) -> None:
    world.employ("A", "B", "C", "D")
    world.does(
        "A",
        "posted",
        "m",
        "2026-11-03T08:00",
        channel="room",
        stated={"mentions": ["mailto:B@example.org", "C", {"mbox": "mailto:d@example.org"}, "mailto:A@example.org"]},
    )
    found = world.values(*NET)
    assert found("network_breadth", "A") == 3
    assert [found("help_tie_reciprocity", who) for who in "ABCD"] == [0, 0, 0, 0]


def test_ties_cross_teams_only_where_both_teams_are_known(world: Any) -> None:
    world.employ("A", "B")
    world.employ("C", team="T2")
    world.employ("D", team="")
    for number, other in enumerate("BCD"):
        world.does(
            "A",
            "posted",
            f"m{number}",
            f"2026-11-03T08:0{number}",
            channel="room",
            stated={"mentions": [f"mailto:{other}@example.org"]},
        )
    found = world.values(*NET)
    assert (
        found.row("cross_team_tie_share", "A")["numerator"],
        found.row("cross_team_tie_share", "A")["denominator"],
    ) == (1, 2)
    assert found.status("cross_team_tie_share", "D") == "no_denominator"
    assert found("network_breadth", "D") == 1


def test_private_rooms_are_never_counted(world: Any) -> None:
    world.employ("A", "B")
    asks(world, "A", "q", "08:00", stated={"channel-kind": "direct"})
    replies(world, "B", "r", "08:10", "q", stated={"channel-kind": "direct"})
    found = world.values(*TALK, *NET, "informal_learning_minutes")
    assert found("questions_asked", "A") == 0
    assert found("network_breadth", "A") == 0
    assert found("informal_learning_minutes", "B") == 0


def test_answering_a_quiz_is_no_conversation(world: Any) -> None:
    world.employ("A", "B")
    world.does(
        "A", "answered", "item", "2026-11-03T08:00", kind="lms", type="cmi.interaction", parent="quiz", channel="course"
    )
    found = world.values("community_active_contributors", *NET)
    assert not [row for row in found.rows if row["grain"] == "community_window"]


def test_resources_are_counted_once_and_sharing_ones_own_again_adds_nothing(world: Any) -> None:
    world.employ("A", "B")
    for minute, thing in enumerate(("x", "x", "y")):
        world.does("A", "shared", thing, f"2026-11-03T08:0{minute}", type="link", channel="room")
    world.does("A", "shared", "again", "2026-11-03T09:00", type="link", channel="room", parent="x")
    assert world.values("resources_shared")("resources_shared", "A") == 2


def test_sharing_what_one_wrote_oneself_adds_nothing_and_sharing_a_colleagues_message_does(world: Any) -> None:
    world.employ("A", "B")
    world.does("A", "posted", "mine", "2026-11-02T08:00", type="chat-message", channel="room")
    for who in "AB":
        world.does(who, "shared", "mine", "2026-11-03T08:00", type="chat-message", channel="other")
    found = world.values("resources_shared")
    assert [found("resources_shared", who) for who in "AB"] == [0, 1]


def test_replies_after_the_as_of_day_are_not_known_yet(world: Any) -> None:
    from datetime import date

    world.employ("A", "B")
    world.last = date(2026, 11, 5)
    asks(world, "A", "q", "08:00")
    world.does("B", "replied", "r", "2026-11-06T08:00", channel="room", parent="q")
    assert world.values(*TALK)("help_received_rate", "A") == 0


def test_direction_of_threads_follows_the_chain_of_replies(world: Any) -> None:
    world.employ(*"ABCDE")
    asks(world, "A", "q1", "08:00")
    replies(world, "B", "r1", "08:01", "q1")
    replies(world, "C", "r2", "08:02", "r1")
    replies(world, "A", "r3", "08:03", "r2")
    asks(world, "D", "q2", "09:00")
    replies(world, "E", "r4", "09:01", "q2")
    asks(world, "E", "q3", "10:00")
    found = world.values("interaction_direction_share")
    shares = [found(f"interaction_direction_share.{name}", "ALL") for name in ("one_way", "two_way", "multi")]
    assert shares == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_answer_rate_leaves_out_young_questions_without_reply(world: Any) -> None:
    world.employ(*"ABCDE")
    asks(world, "A", "old", "08:00")  # never answered
    asks(world, "A", "helped", "09:00")
    replies(world, "B", "r", "09:30", "helped")
    world.does("A", "asked", "young", "2026-11-08T08:00", channel="room")
    row = world.values("question_answer_rate_72h").row("question_answer_rate_72h", "ALL")
    assert (row["numerator"], row["denominator"]) == (1, 2)


def test_a_deletion_may_point_at_the_statement(world: Any) -> None:
    world.employ("A")
    statement = asks(world, "A", "q", "08:00")
    world.does("A", "deleted", "x", "2026-11-04T09:00", channel="room")
    world.statements[-1]["object"] = {"objectType": "StatementRef", "id": statement}
    assert statement == name_uuid("test", "0", "A", "asked", "q", "2026-11-03T08:00")
    assert world.values(*TALK)("questions_asked", "A") == 0


def test_a_report_that_is_deleted_by_its_id_does_not_bring_back_the_other_of_the_same_fact(world: Any) -> None:
    world.employ("A")
    fullest = asks(world, "A", "q", "08:00")
    world.does("A", "asked", "q", "2026-11-03T08:00", channel="room", kind=None, platform="another")
    assert world.values(*TALK)("questions_asked", "A") == 1
    world.does("A", "deleted", "x", "2026-11-04T09:00", channel="room")
    world.statements[-1]["object"] = {"objectType": "StatementRef", "id": fullest}
    assert world.values(*TALK)("questions_asked", "A") == 0

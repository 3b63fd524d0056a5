"""Loading: every statement is accounted for, whatever the LRS answers."""

from typing import Any

import orjson
import pytest
import tincan

from leerstroom.errors import CredentialsRefused, RateLimited, UnexpectedShape, Unreachable

BAD_VERB = "http://example.org/verbs/bad"
TELLS = pytest.mark.parametrize("tells_stored", [True, False], ids=["tells-stored", "read-back"])


@TELLS
def test_a_load_stores_everything_and_a_second_one_nothing(
    fake: Any, connect: Any, line: Any, tells_stored: bool
) -> None:
    server = fake(tells_stored=tells_stored)
    lrs = connect(server, batch=100)
    first = lrs.load(line(number) for number in range(1050))
    second = lrs.load(line(number) for number in range(1050))
    assert (first.sent, first.stored, first.already_there) == (1050, 1050, 0)
    assert (second.sent, second.stored, second.already_there) == (1050, 0, 1050)
    assert first.balances
    assert second.balances
    assert first.bytes == sum(len(line(number)) for number in range(1050))
    assert len(server.held) == 1050


@TELLS
def test_known_and_new_statements_in_one_batch_are_told_apart(
    fake: Any, connect: Any, line: Any, tells_stored: bool
) -> None:
    server = fake(tells_stored=tells_stored)
    lrs = connect(server)
    lrs.load(line(number) for number in range(0, 300, 3))
    report = lrs.load(line(number) for number in range(300))
    assert (report.stored, report.already_there) == (200, 100)


def test_text_goes_through_byte_for_byte(fake: Any, connect: Any) -> None:
    server = fake(tells_stored=True)
    odd = b'{"id":"4A4E5C40-0000-4000-8000-000000000001", "actor":{"mbox":"mailto:a@example.org"},"verb":{"id":"http://example.org/v"},"object":{"id":"http://example.org/o"},"result":{"duration":"P1Y2M","score":{"raw":1.50}}}'
    report = connect(server).load([odd])
    assert report.stored == 1
    assert server.posts() == [b"[" + odd + b"]"]


def test_dictionaries_texts_and_tincan_objects_load_alike(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(tells_stored=True)
    first, second, third, fourth = (statement(number) for number in range(4))
    report = connect(server).load([
        first,
        orjson.dumps(second),
        orjson.dumps(third, option=orjson.OPT_SORT_KEYS).decode(),
        tincan.Statement.from_json(orjson.dumps(fourth).decode()),
    ])
    assert report.stored == 4
    assert set(server.held) == {each["id"] for each in (first, second, third, fourth)}


def test_what_is_no_statement_is_refused_here_and_the_rest_goes_on(fake: Any, connect: Any, line: Any) -> None:
    server = fake(tells_stored=True)
    letters: list[tuple[Any, bytes]] = []
    report = connect(server).load(
        [line(1), b"{no json", b"[]", b'{"id": 7}', line(2)], on_rejection=lambda *each: letters.append(each)
    )
    assert (report.sent, report.stored, report.rejected) == (5, 2, 3)
    assert [text for _, text in letters] == [b"{no json", b"[]", b'{"id": 7}']
    assert all(each.reason for each in report.rejections)


def test_progress_counts_up_to_everything(fake: Any, connect: Any, line: Any) -> None:
    heard: list[int] = []
    connect(fake(tells_stored=True), batch=50).load((line(number) for number in range(220)), on_batch=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 220


def test_an_empty_load_asks_nothing(fake: Any, connect: Any) -> None:
    server = fake()
    report = connect(server).load([])
    assert report.balances
    assert (report.sent, server.log) == (0, [])


def test_several_requests_are_in_flight_and_no_more_than_asked(fake: Any, connect: Any, line: Any) -> None:
    server = fake(tells_stored=True, delay_s=0.03)
    connect(server, batch=10, in_flight=3).load(line(number) for number in range(200))
    assert server.most_in_flight == 3


def test_wall_time_is_answers_times_latency_over_requests_in_flight(fake: Any, connect: Any, line: Any) -> None:
    server = fake(delay_s=0.05)
    server.answer = lambda *_: (200, {"X-Leerstroom-Stored": "0"}, b"[]")
    lrs = connect(server, batch=100, in_flight=4)
    lines = [line(number) for number in range(8000)]
    report = lrs.load(lines)
    assert report.seconds <= 1.3 * (81 * 0.05 / 4) + 0.1


def test_memory_does_not_grow_with_the_load(fake: Any, connect: Any, line: Any) -> None:
    import tracemalloc

    server = fake(tells_stored=True, keeps=False)
    server.answer = lambda *_: (200, {"X-Leerstroom-Stored": "0"}, b"[]")
    server.log = _Nothing()
    lrs = connect(server)

    def peak(count: int) -> int:
        tracemalloc.reset_peak()
        lrs.load(line(number) for number in range(count))
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        peak(2000)
        small, large = peak(5000), peak(50_000)
    finally:
        tracemalloc.stop()
    assert large < small + 6_000_000, "50,000 of these statements are 14 MB"


class _Nothing(list):
    def append(self, _: object) -> None:
        """A log that forgets."""


def test_wrong_credentials_end_the_load_and_name_the_connection(fake: Any, connect: Any, line: Any) -> None:
    server = fake()
    server.intrude = lambda *_: (401, {}, b"")
    with pytest.raises(CredentialsRefused, match=r"'chat_lrs'.*leerstroom check chat_lrs"):
        connect(server, name="chat_lrs").load([line(1)])
    assert len(server.posts()) == 1


def test_an_lrs_that_is_not_there_is_unreachable(connect: Any, line: Any) -> None:
    with pytest.raises(Unreachable, match="no answer"):
        connect("http://127.0.0.1:9/xapi/", tries=2).load([line(1)])


def test_an_lrs_that_wants_more_patience_than_we_have_ends_the_load_with_its_figure(
    fake: Any, connect: Any, line: Any
) -> None:
    server = fake()
    server.intrude = lambda *_: (429, {"Retry-After": "9999"}, b"")
    with pytest.raises(RateLimited) as caught:
        connect(server).load([line(1)])
    assert caught.value.retry_after_s == 9999


def test_an_lrs_that_answers_500_to_everything_is_down_and_no_statement_is_blamed(
    fake: Any, connect: Any, line: Any
) -> None:
    server = fake()
    server.intrude = lambda _, method, __: (500, {}, b"") if method == "POST" else None
    with pytest.raises(Unreachable, match="down"):
        connect(server).load(line(number) for number in range(8))


def test_an_lrs_that_falls_over_in_the_middle_is_down_and_no_statement_is_blamed(
    fake: Any, connect: Any, line: Any
) -> None:
    server = fake(tells_stored=True)
    lrs = connect(server, batch=10, in_flight=1)
    lrs.load([line(1)])
    server.intrude = lambda _, method, __: (500, {}, b"") if method == "POST" else None
    before = len(server.posts())
    with pytest.raises(Unreachable, match="down"):
        lrs.load(line(number) for number in range(100))
    assert len(server.posts()) - before <= 10
    server.intrude = None
    report = lrs.load(line(number) for number in range(100))
    assert (report.stored, report.already_there) == (99, 1)


def test_an_address_that_is_no_lrs_is_said_so(fake: Any, connect: Any, line: Any) -> None:
    server = fake()
    server.intrude = lambda *_: (200, {"Content-Type": "text/html"}, b"<html>It works!</html>")
    with pytest.raises(UnexpectedShape, match="address of the endpoint"):
        connect(server, tries=2).load([line(1)])
    server.intrude = lambda *_: (404, {}, b"")
    with pytest.raises(UnexpectedShape, match="check the endpoint"):
        connect(server, tries=2).load([line(1)])


def test_an_lrs_that_accepts_and_does_not_keep_is_found_out(fake: Any, connect: Any, line: Any) -> None:
    server = fake(keeps=False)
    with pytest.raises(UnexpectedShape, match="does not keep"):
        connect(server).load([line(1), line(2)])


def test_with_a_write_only_key_the_answer_is_taken_at_its_word(fake: Any, connect: Any, line: Any) -> None:
    report = connect(fake(readable=False)).load(line(number) for number in range(20))
    assert report.stored == 20
    assert report.balances


def test_a_failing_source_of_statements_is_not_swallowed(fake: Any, connect: Any, line: Any) -> None:
    def lines() -> Any:
        yield from (line(number) for number in range(10))
        raise RuntimeError("the file ends here")

    with pytest.raises(RuntimeError, match="ends here"):
        connect(fake(), batch=2).load(lines())


def test_statements_that_are_stored_and_voided_in_one_load_count_as_stored(
    fake: Any, connect: Any, statement: Any
) -> None:
    server = fake()
    target = statement(1)
    void = statement(
        2,
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": target["id"]},
    )
    lrs = connect(server)
    assert lrs.load([target, void, statement(3)]).stored == 3
    again = lrs.load([target, void, statement(3)])
    assert (again.stored, again.already_there) == (0, 3)


def test_an_lrs_that_shows_statements_late_is_waited_for(fake: Any, connect: Any, line: Any) -> None:
    import threading

    server = fake(lag=3)
    threading.Timer(0.4, lambda: setattr(server.quirks, "lag", 0)).start()
    report = connect(server).load(line(number) for number in range(5))
    assert (report.stored, report.already_there) == (5, 0)


def test_a_report_merges_and_says_what_happened(fake: Any, connect: Any, line: Any) -> None:
    lrs = connect(fake(tells_stored=True))
    both = lrs.load([line(1)]).merge(lrs.load([line(1), line(2)]))
    assert (both.sent, both.stored, both.already_there) == (3, 2, 1)
    assert both.balances
    assert str(both).startswith("3 sent: 2 stored, 1 already there, 0 conflicting, 0 rejected")


@pytest.mark.parametrize("bad", [{0}, {7}, {0, 9}, {3, 4, 5}, set(range(10))])
@TELLS
def test_only_the_bad_statements_of_a_batch_are_refused(
    fake: Any, connect: Any, statement: Any, bad: set[int], tells_stored: bool
) -> None:
    server = fake(tells_stored=tells_stored)
    statements = [statement(number, **({"verb": {"id": BAD_VERB}} if number in bad else {})) for number in range(10)]
    report = connect(server).load(statements)
    assert {each.id for each in report.rejections} == {statements[number]["id"] for number in bad}
    assert (report.stored, report.rejected) == (10 - len(bad), len(bad))

"""Bench of the indicators: the whole catalogue, eight representative ones against SQL by hand, and growth.

    python tests/bench/bench_indicators.py [--rows 10000000] [--employees 50000] [--part catalogue|eight|growth|fivefold|night] [--json FILE]

Each measurement runs in a process of its own: wall seconds, CPU seconds, peak memory. The eight are those of a nightly run:
counts and minutes a day, rolling 28 days, active days, informal share, reciprocity, cross-team ties, median response, streak.
They read the same prepared tables as the SQL by hand, so the ratio is that of the expressions. `night` compares a night over 90 days of
statements with one over the last 90 days of two years of them.
"""

import argparse
import json
import logging
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FIRST_DAY = date(2026, 8, 17)
DAYS = 90
AS_OF = FIRST_DAY + timedelta(days=DAYS - 1)
TEAM_SIZE = 12
MOMENT_S = 0.1  # of CPU; what takes less is the cost of a query, whatever it reads


def generate(path: Path, rows: int, employees: int, days: int = DAYS) -> None:
    """Writes synthetic statements as columns of the mirror: a quarter of conversation in threads, the rest of platforms with durations.

    They spread over the `days` that end on AS_OF.
    """
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET preserve_insertion_order = false")
    connection.execute("SELECT setseed(0.11)")
    first_day = AS_OF - timedelta(days=days - 1)
    start = f"TIMESTAMPTZ '{first_day.isoformat()} 00:00:00+00'"
    span_ms = days * 86_400_000
    # who: a few do much (Pareto); threads of five messages each, opened by a question
    query = f"""
    COPY (
      WITH raw AS (
        SELECT i, hash(i) AS h, hash(i + 7919) AS h2, hash(i + 104729) AS h3, hash(i // 5 + 15485863) AS ht, (hash(i // 5) % 100) < 25 AS is_chat
        FROM range({rows}) AS t(i)
      ), told AS (
        SELECT *, i % 5 AS place,
          least(CAST({employees} * pow((h % 1000003) / 1000003.0, 1.6) AS BIGINT), {employees - 1}) AS person,
          CAST((ht % 1000003) / 1000003.0 * {span_ms} AS BIGINT) AS thread_ms
        FROM raw
      ), said AS (
        SELECT *, CASE WHEN is_chat THEN thread_ms + place * (600000 + h2 % 1800000) ELSE CAST((h2 % 1000003) / 1000003.0 * {span_ms} AS BIGINT) END AS ms,
          CASE WHEN is_chat THEN CASE WHEN place = 0 THEN 'asked' WHEN place = 4 THEN 'liked' ELSE 'replied' END
               ELSE ['viewed', 'progressed', 'completed', 'attended', 'passed', 'registered'][1 + CAST(h3 % 6 AS INTEGER)] END AS verb,
          CASE WHEN is_chat THEN ['chat', 'social'][1 + CAST(ht % 2 AS INTEGER)]
               ELSE ['lms', 'mooc', 'webinar', 'offline', 'work'][1 + CAST(h3 // 7 % 5 AS INTEGER)] END AS source_kind
        FROM told
      )
      SELECT CAST(uuid() AS VARCHAR) AS statement_id, {start} AS stored, {start} + to_milliseconds(ms) AS "timestamp",
        'account|https://people.leerstroom.example|E' || lpad(CAST(person AS VARCHAR), 6, '0') AS actor, 'https://t.example/verbs/' || verb AS verb_id, verb,
        'Activity' AS object_type,
        CASE WHEN is_chat THEN 'https://chat.example/m/' || (CASE WHEN verb = 'liked' THEN i - 4 ELSE i END) ELSE 'https://lms.example/a/' || (h3 // 31 % 5000) END AS object_id,
        CASE WHEN is_chat THEN 'chat-message' WHEN source_kind = 'webinar' THEN 'webinar' WHEN source_kind = 'offline' THEN 'workshop' ELSE 'course' END AS activity_type,
        CASE WHEN NOT is_chat AND verb <> 'registered' AND h2 % 10 < 8 THEN 60000 + CAST(h2 // 11 % 1200000 AS BIGINT) END AS duration_ms,
        CASE WHEN verb = 'passed' THEN (h3 % 101) / 100.0 END AS score_scaled,
        CAST(NULL AS DOUBLE) AS score_raw, CAST(NULL AS DOUBLE) AS score_min, CAST(NULL AS DOUBLE) AS score_max,
        CAST(NULL AS BOOLEAN) AS success, CAST(NULL AS BOOLEAN) AS completion, CAST(NULL AS VARCHAR) AS registration,
        CASE WHEN is_chat AND place BETWEEN 1 AND 3 THEN 'https://chat.example/m/' || (i - place) END AS parent_id,
        CASE WHEN is_chat THEN 'https://chat.example/c/' || (ht % 800) END AS grouping_id,
        CAST([] AS VARCHAR[]) AS category, source_kind AS platform, source_kind,
        CASE WHEN is_chat THEN ['set_up_community', 'spontaneous_group'][1 + CAST(ht % 2 AS INTEGER)] END AS channel_kind,
        CAST(NULL AS VARCHAR) AS actor_role, CASE WHEN h3 % 3 = 0 THEN 'self' WHEN h3 % 3 = 1 THEN 'assigned' END AS initiator,
        CASE WHEN h3 % 4 = 0 THEN 'mobile' WHEN h3 % 4 = 1 THEN 'desktop' END AS device,
        CASE WHEN source_kind = 'lms' THEN h3 % 50 = 0 END AS mandatory,
        CASE WHEN source_kind = 'lms' AND h3 % 50 = 0 THEN DATE '{first_day.isoformat()}' + CAST(h3 % 120 AS INTEGER) END AS due,
        CASE WHEN source_kind = 'webinar' THEN 60.0 END AS scheduled_minutes, CAST(NULL AS BIGINT) AS group_size,
        CASE WHEN is_chat AND h2 % 20 = 0 THEN ['account||E' || lpad(CAST(h3 % {employees} AS VARCHAR), 6, '0')] ELSE CAST([] AS VARCHAR[]) END AS mentions,
        CAST(NULL AS VARCHAR) AS rule, CAST(NULL AS DOUBLE) AS confidence, CAST(NULL AS VARCHAR) AS record, CAST(NULL AS VARCHAR) AS authority
      FROM said ORDER BY ms
    ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
    """
    connection.execute(query)


def directory(employees: int) -> Any:
    """People E000000 and on, in teams of about a dozen."""
    from leerstroom.people.directory import Directory, Employee

    return Directory([Employee(f"E{number:06}", team=f"T{number // TEAM_SIZE:05}") for number in range(employees)])


def run_catalogue(
    path: Path, employees: int, out: Path, *, days: int, memory: str | None, one_by_one: bool = False
) -> dict[str, Any]:
    """The whole catalogue: days one by one, windows of 7, 28 and 90 days, values written as parquet.

    `one_by_one`: no two tables are made at the same time, so that the CPU of each is its own.
    """
    import pyarrow.parquet as pq

    from leerstroom.classification import load_rules
    from leerstroom.indicators import compute, engine
    from leerstroom.nightly import memory_of

    if one_by_one:
        engine.AT_ONCE = 0

    timing: dict[str, Any] = {}
    began = time.perf_counter()
    with steps() as (taken, reads):
        values = compute(
            [path], directory(employees), rules=load_rules(), coverage=None, from_=AS_OF - timedelta(days=days - 1), to=AS_OF, as_of=AS_OF,
            memory_limit=memory or memory_of(pq.read_metadata(path).num_rows), threads=2,
        )  # fmt: skip
    timing["computed"] = round(time.perf_counter() - began, 1)
    values.write_parquet(out)
    timing["written"] = round(time.perf_counter() - began, 1)
    values.close()
    return {
        **timing,
        "values": pq.read_metadata(out).num_rows,
        "steps_cpu_s": taken,
        "indicators_cpu_s": of_indicators(taken, reads),
    }


@contextmanager
def steps() -> Iterator[tuple[dict[str, float], dict[str, list[str]]]]:
    """Of each table that a computation keeps, by name: its CPU seconds, and what it reads; an indicator has one table or more of its own."""
    found: dict[str, float] = {}
    reads: dict[str, list[str]] = {}

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            name, *more = record.args  # type: ignore[misc]
            if record.msg.startswith("kept %s"):
                found[str(name)] = round(float(more[1]), 3)  # type: ignore[arg-type]
            elif record.msg.startswith("%s reads"):
                reads[str(name)] = sorted(more[0])  # type: ignore[call-overload]

    told, heard = logging.getLogger("leerstroom.indicators.background"), Heard()
    told.setLevel(logging.DEBUG)
    told.addHandler(heard)
    try:
        yield found, reads
    finally:
        told.removeHandler(heard)


_OWN = re.compile(r"found_(?:window|day)_\d+|group_values_\d+_.+")  # the tables of one indicator


def of_indicators(taken: dict[str, float], reads: dict[str, list[str]]) -> dict[str, float]:
    """CPU seconds of each indicator, by the table of its own: all tables that it needs, as where it is asked for alone."""

    def needed(name: str, found: set[str]) -> set[str]:
        if name not in found:
            found.add(name)
            for each in reads.get(name, ()):
                needed(each, found)
        return found

    return {
        name: round(sum(taken.get(each, 0.0) for each in needed(name, set())), 3)
        for name in taken
        if _OWN.fullmatch(name)
    }


def worst_growth(small: dict[str, float], large: dict[str, float]) -> dict[str, Any]:
    """What of both grew most in CPU from one size to the other, of what takes a moment at all, and by how much."""
    grown = {name: large[name] / max(cpu, MOMENT_S) for name, cpu in small.items() if large.get(name, 0) > MOMENT_S}
    name = max(grown, key=grown.__getitem__)
    return {"table": name, "times": round(grown[name], 1)}


def growth(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    """How CPU grew from one catalogue to a larger: of all, of the indicator and of the table that grew most."""
    return {
        "growth_cpu": round(large["cpu_s"] / small["cpu_s"], 1),
        "worst_growth": worst_growth(small["indicators_cpu_s"], large["indicators_cpu_s"]),
        "worst_table": worst_growth(small["steps_cpu_s"], large["steps_cpu_s"]),
    }


# --- eight indicators against SQL by hand -----------------------------------------------------------------------------------

BY_HAND = {
    "day counts and minutes": "select count(*), sum(m) from (select person, day, count(*) n, sum(duration_ms) m from events group by 1, 2) q",
    "rolling 28 days": "select count(*), sum(r) from (select person, day, sum(m) over (partition by person order by day range between 27 preceding and current row) r from (select person, day, sum(coalesce(duration_ms, 0)) m from events group by 1, 2) q) q2",
    "active days": "select count(*), sum(n) from (select person, count(distinct day) n from events group by 1) q",
    "informal share": "select count(*), round(sum(s), 6) from (select e.person, sum(case when c.formality = 'informal' then 1 end) / count(*) s from events e join classes c using (class_id) group by 1) q",
    "reciprocity": "with e as (select distinct person a, other b from ties) select count(*), sum(rec) from (select x.a, count(*) n, count(y.a) rec from e x left join e y on x.a = y.b and x.b = y.a group by 1) q",
    "cross-team ties": "select count(*), sum(n) from (select a, count(*) n from (select distinct person a, other b from ties) t join people p on t.a = p.person join people q on t.b = q.person where p.team <> q.team group by 1) q",
    "median response": "select count(*), sum(med) from (select q.person, median(r.ts_ms - q.ts_ms) med from (select object_id, person, ts_ms from messages where verb = 'asked') q join (select parent_id, person, ts_ms from messages where verb = 'replied') r on r.parent_id = q.object_id where r.person <> q.person group by 1) x",
    "longest streak": "select count(*), sum(mx) from (select person, max(n) mx from (select person, g, count(*) n from (select person, day - row_number() over (partition by person order by day) g from (select distinct person, day from events) q1) q2 group by 1, 2) q3 group by 1) q",
}


def in_ibis(tables: dict[str, Any]) -> dict[str, Any]:
    """The same eight as Ibis expressions over the same tables."""
    import ibis

    events, classes, ties, people, messages = (
        tables[name] for name in ("events", "classes", "ties", "people", "messages")
    )

    def daily() -> Any:
        return events.group_by("person", "day").agg(n=events.count(), m=events.duration_ms.sum())

    def result(table: Any, column: str) -> Any:
        return table.agg(rows=table.count(), total=table[column].sum())

    filled = events.mutate(d=events.duration_ms.fill_null(0)).group_by("person", "day").agg(m=lambda t: t.d.sum())
    window = ibis.range_window(group_by=filled.person, order_by=filled.day, preceding=27, following=0)
    classified = events.join(classes, "class_id")
    pairs = ties.select(a="person", b="other").distinct()
    back = pairs.select(a2="a", b2="b")
    mutual = pairs.left_join(back, [pairs.a == back.b2, pairs.b == back.a2])
    own, others = people.select(a="person", team="team"), people.select(b="person", other_team="team")
    crossing = pairs.inner_join(own, "a").inner_join(others, "b").filter(lambda t: t.team != t.other_team)
    asked = messages.filter(messages.verb == "asked").select(parent_id="object_id", asker="person", asked_ms="ts_ms")
    replied = messages.filter(messages.verb == "replied").select("parent_id", "person", "ts_ms")
    answers = asked.inner_join(replied, "parent_id").filter(lambda t: t.person != t.asker)
    days = events.select("person", "day").distinct()
    placed = days.mutate(g=days.day - ibis.row_number().over(ibis.window(group_by=days.person, order_by=days.day)))
    runs = placed.group_by("person", "g").agg(n=placed.count())
    runs = runs.group_by("person").agg(mx=runs.n.max())
    return {
        "day counts and minutes": result(daily(), "m"),
        "rolling 28 days": result(filled.mutate(r=filled.m.sum().over(window)), "r"),
        "active days": result(events.group_by("person").agg(n=events.day.nunique()), "n"),
        "informal share": result(
            classified.group_by("person").agg(
                s=(classified.formality == "informal").cast("int64").sum() / classified.count()
            ),
            "s",
        ),
        "reciprocity": result(mutual.group_by("a").agg(n=mutual.count(), rec=mutual.a2.count()), "rec"),
        "cross-team ties": result(crossing.group_by("a").agg(n=crossing.count()), "n"),
        "median response": result(
            answers.group_by("asker").agg(med=(answers.ts_ms - answers.asked_ms).median()), "med"
        ),
        "longest streak": result(runs, "mx"),
    }


def run_eight(path: Path, employees: int) -> dict[str, Any]:
    """CPU seconds of each of the eight, by hand and in Ibis (translation included), over tables prepared once."""
    from leerstroom.classification import load_rules
    from leerstroom.indicators import compute
    from leerstroom.indicators.engine import _table

    values = compute(
        [path],
        directory(employees),
        rules=load_rules(),
        coverage=None,
        from_=AS_OF,
        to=AS_OF,
        as_of=AS_OF,
        only=["questions_asked"],
        threads=2,
    )
    workspace = values._workspace
    workspace._background.wait()
    tables = {
        name: _table(name, workspace_schema(workspace, name))
        for name in ("events", "classes", "ties", "people", "messages")
    }
    found: dict[str, Any] = {}
    for name, query in BY_HAND.items():
        hand, expected = _cpu(lambda query=query: workspace._con.sql(query).fetchall()[0])
        ours, got = _cpu(lambda name=name: workspace._con.sql(workspace.sql(in_ibis(tables)[name])).fetchall()[0])
        same = expected[0] == got[0] and abs(float(expected[1]) - float(got[1])) <= 1e-6 * abs(float(expected[1]))
        found[name] = {"by_hand_cpu_s": hand, "ours_cpu_s": ours, "equal": same}
    total = {key: round(sum(each[key] for each in found.values()), 2) for key in ("by_hand_cpu_s", "ours_cpu_s")}
    values.close()
    return {**found, "all": {**total, "ratio": round(total["ours_cpu_s"] / total["by_hand_cpu_s"], 2)}}


def workspace_schema(workspace: Any, name: str) -> Any:
    """The Ibis schema of a table of the workspace."""
    import ibis

    return ibis.Schema.from_pyarrow(workspace._con.sql(f'SELECT * FROM "{name}" LIMIT 0').to_arrow_table().schema)


def _cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return round(time.process_time() - began, 2), result


# --- processes --------------------------------------------------------------------------------------------------------------


def measured(part: str, path: Path, employees: int, **more: Any) -> dict[str, Any]:
    """Runs a part in a process of its own: its answer with wall, CPU and peak memory."""
    arguments = [sys.executable, __file__, "--child", part, "--file", str(path), "--employees", str(employees)]
    for name, value in more.items():
        if value is True:
            arguments.append(f"--{name.replace('_', '-')}")
        elif value is not None:
            arguments += [f"--{name}", str(value)]
    began = time.perf_counter()
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return {**json.loads(done.stdout.splitlines()[-1]), "wall_s": round(time.perf_counter() - began, 1)}


def told(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures without those of single tables."""
    return {name: value for name, value in figures.items() if name not in {"steps_cpu_s", "indicators_cpu_s"}}


def compare_nights(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """A night, 35 days one by one and the windows, over 90 days of statements and over eight times as many."""
    nights = {}
    for name, times in (("three months", 1), ("two years", 8)):
        path = folder / f"{times}.parquet"
        rows = min(arguments.rows, 1_000_000) * times
        measured("generate", path, arguments.employees // 10, rows=rows, history=DAYS * times)
        nights[name] = measured("catalogue", path, arguments.employees // 10, days=35, memory=arguments.memory)
        print(f"a night over {name}, {rows:,} events: {told(nights[name])}")
    nights["growth_cpu"] = round(nights["two years"]["cpu_s"] / nights["three months"]["cpu_s"], 2)
    print(f"growth of CPU for eight times the history: x {nights['growth_cpu']}")
    return nights


def child(arguments: argparse.Namespace) -> None:
    """What one process does."""
    with tempfile.TemporaryDirectory() as folder:
        if arguments.child == "catalogue":
            answer = run_catalogue(
                arguments.file,
                arguments.employees,
                Path(folder) / "values.parquet",
                days=arguments.days,
                memory=arguments.memory,
                one_by_one=arguments.one_by_one,
            )
        elif arguments.child == "eight":
            answer = run_eight(arguments.file, arguments.employees)
        else:
            generate(arguments.file, arguments.rows, arguments.employees, arguments.history)
            answer = {}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    answer |= {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "peak_mb": usage.ru_maxrss // 1024}
    sys.stdout.write(json.dumps(answer) + "\n")


def main() -> None:
    """Prints a table a part and, with --json, writes all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=10_000_000)
    parser.add_argument("--employees", type=int, default=50_000)
    parser.add_argument("--part", choices=("catalogue", "eight", "growth", "fivefold", "night"))
    parser.add_argument("--history", type=int, default=DAYS, help=argparse.SUPPRESS)
    parser.add_argument("--days", type=int, default=1, help="days computed one by one besides the windows")
    parser.add_argument("--memory", help="DuckDB's memory limit; by default what a night gives it for so many events")
    parser.add_argument("--one-by-one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--child")
    arguments = parser.parse_args()
    arguments.rows = int(arguments.rows)
    if arguments.child:
        child(arguments)
        return
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "statements.parquet"
        if not path.exists():
            measured("generate", path, arguments.employees, rows=arguments.rows)
        if arguments.part in {None, "catalogue"}:
            found["catalogue"] = measured(
                "catalogue", path, arguments.employees, days=arguments.days, memory=arguments.memory
            )
            print(
                f"whole catalogue, {arguments.rows:,} events, {arguments.employees:,} employees: {told(found['catalogue'])}"
            )
        if arguments.part in {None, "eight"}:
            found["eight"] = measured("eight", path, arguments.employees)
            for name, each in found["eight"].items():
                if isinstance(each, dict):
                    print(f"{name:24} {each}")

        def alone(each: Path, people: int) -> dict[str, Any]:
            return measured("catalogue", each, people, days=arguments.days, memory=arguments.memory, one_by_one=True)

        if arguments.part in {None, "growth"}:
            small = Path(folder) / "small.parquet"
            measured("generate", small, arguments.employees // 10, rows=arguments.rows // 10)
            found["a_tenth"], found["one_by_one"] = (
                alone(small, arguments.employees // 10),
                alone(path, arguments.employees),
            )
            print(f"one by one, a tenth of it: {told(found['a_tenth'])} -> {told(found['one_by_one'])}")
            found |= (grown := growth(found["a_tenth"], found["one_by_one"]))
            print(f"growth of CPU for ten times the events: {grown}")
        if arguments.part == "fivefold":
            large = Path(folder) / "large.parquet"
            measured("generate", large, arguments.employees * 5, rows=arguments.rows * 5)
            sizes = [(path, arguments.employees), (large, arguments.employees * 5)]
            once, five = (alone(each, people) for each, people in sizes)
            found["fivefold"] = {"once": once, "five": five, **(grown := growth(once, five))}
            print(f"five times {arguments.rows:,} events: {told(once)} -> {told(five)}; {grown}")
        if arguments.part in {None, "night"}:
            found["night"] = compare_nights(Path(folder), arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

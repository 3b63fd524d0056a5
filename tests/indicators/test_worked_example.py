"""The worked example with answers: every value and status must come out, also after the statements were shuffled or doubled."""

import csv
import json
import random
from datetime import date
from pathlib import Path

import pytest

from leerstroom.indicators import from_files

EXAMPLE = Path(__file__).resolve().parents[3] / "shared" / "examples" / "indicators"
TOLERANCE = 0.00006
KEY = ("indicator_id", "grain", "subject", "period_start", "period_end")
DATES = {"from_": date(2026, 11, 3), "to": date(2026, 11, 5), "as_of": date(2026, 11, 5)}

pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the example lies beside the checkout")


def computed(statements: Path, out: Path, **more: object) -> dict[tuple[str, ...], dict[str, str]]:
    files = {name: EXAMPLE / f"{name}.csv" for name in ("coverage", "leave")}
    rules = {"rules": EXAMPLE / "classification_rules.yaml", **more}
    from_files(
        statements,
        EXAMPLE / "employees.csv",
        excluded=EXAMPLE / "excluded_accounts.csv",
        out=out,
        **files,
        **rules,
        **DATES,
    ).close()
    with (out / "indicator_values.csv").open() as stream:
        return {tuple(row[name] for name in KEY): row for row in csv.DictReader(stream)}


def faults(values: dict[tuple[str, ...], dict[str, str]]) -> list[str]:
    found = []
    with (EXAMPLE / "expected.csv").open() as stream:
        for row in csv.DictReader(stream):
            key = tuple(row[name] for name in KEY)
            mine = values.get(key)
            if mine is None:
                found.append(f"{key} is missing")
                continue
            if mine["status"] != row["status"]:
                found.append(f"{key}: {mine['status']} instead of {row['status']}")
            found += [
                f"{key}: {name} {mine[name]} instead of {row[name]}"
                for name in ("value", "numerator", "denominator")
                if row[name] and (not mine[name] or abs(float(mine[name]) - float(row[name])) > TOLERANCE)
            ]
            if not row["value"] and mine["value"]:
                found.append(f"{key}: {mine['value']} instead of no value")
    return found


def test_every_value_and_status_of_the_example_comes_out(tmp_path: Path) -> None:
    assert faults(computed(EXAMPLE / "statements.json", tmp_path)) == []


def test_our_own_rules_give_the_same_values(tmp_path: Path) -> None:
    assert faults(computed(EXAMPLE / "statements.json", tmp_path, rules=None)) == []


def test_order_and_repetition_of_statements_do_not_matter_in_json_lines(tmp_path: Path) -> None:
    statements = json.loads((EXAMPLE / "statements.json").read_text())
    random.Random(7).shuffle(statements)
    lines = tmp_path / "statements.jsonl"
    lines.write_text("\n".join(json.dumps(each) for each in [*statements, *statements[:9]]))
    assert faults(computed(lines, tmp_path)) == []


def test_the_file_has_the_columns_of_the_contract_first(tmp_path: Path) -> None:
    computed(EXAMPLE / "statements.json", tmp_path)
    head = (tmp_path / "indicator_values.csv").read_text().splitlines()[0].replace('"', "").split(",")
    assert head[:9] == [
        "indicator_id",
        "grain",
        "subject",
        "period_start",
        "period_end",
        "value",
        "status",
        "numerator",
        "denominator",
    ]

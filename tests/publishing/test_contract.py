"""The contract of HR's tables."""

import copy
import re

import pytest

from leerstroom.errors import ConfigurationError
from leerstroom.publishing.contract import contract, parse
from leerstroom.publishing.definitions import indicator_texts
from leerstroom.schemas import read_yaml


def test_every_table_and_column_has_a_comment_in_both_languages() -> None:
    for table in contract().tables.values():
        assert all(table.comments[language] for language in ("en", "nl"))
        for column in table.columns:
            assert all(
                column.comments[language] and "{" not in column.comments[language] for language in ("en", "nl")
            ), column.name


def test_names_are_plain_enough_for_every_database() -> None:
    for table in contract().tables.values():
        assert all(
            re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name)
            for name in (table.name, *(column.name for column in table.columns))
        )


def test_the_four_windows_of_formal_minutes_are_four_columns() -> None:
    names = [column.name for column in contract().tables["hr_employee_nightly"].columns]
    assert [name for name in names if name.startswith("formal_minutes")] == [
        "formal_minutes_day",
        "formal_minutes_7d",
        "formal_minutes_28d",
        "formal_minutes_90d",
    ]


def test_every_measure_is_an_indicator_of_the_catalogue() -> None:
    known = indicator_texts()
    for table in contract().tables.values():
        for measure in table.measures:
            assert measure.indicator.split(".", 1)[0] in known or measure.indicator in known, measure.indicator


def test_a_refused_indicator_leaves_no_column_behind() -> None:
    seen = (
        contract().tables["hr_employee_nightly"].seen_by(lambda indicator, subject: indicator == "formal_completions")
    )
    assert {column.indicator for column in seen.measures} == {"formal_completions"}
    assert [column.name for column in seen.statuses] == ["status_day", "status_7d", "status_28d", "status_90d"]


def test_all_faults_of_a_contract_are_told_at_once() -> None:
    raw = copy.deepcopy(read_yaml("hr-tables.yaml"))
    raw["tables"]["coverage"]["columns"]["date"]["type"] = "moment"
    raw["tables"]["coverage"]["key"] = ["day"]
    del raw["tables"]["hr_team_nightly"]["nl"]
    with pytest.raises(ConfigurationError) as caught:
        parse(raw)
    assert all(
        part in str(caught.value)
        for part in ("coverage.date: type", "key column day", "hr_team_nightly: no comment in nl")
    )

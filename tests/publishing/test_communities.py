"""Names of communities: from statements where they have one, else something to read."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from leerstroom.publishing.communities import community_names, short_name

COURSE = "https://academy.example/course/view.php?id=3"


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (COURSE, "course 3"),
        ("https://chat.example/channels/onboarding", "onboarding"),
        ("https://chat.example/rooms/%21abc%3Aserver.example", "abc"),
        ("https://chat.example/rooms/%2137DUfaVYHaOvzn_ZrljJrnIbz29KA5bzzbDXw1PoZzw", "37DUfaVY…"),
        ("!data:leer.example", "data"),
        ("", ""),
    ],
)
def test_an_id_becomes_something_to_read(subject: str, name: str) -> None:
    assert short_name(subject) == name


def test_the_newest_statement_names_the_community(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    def row(number: int, grouping: str | None, name: str | None) -> dict[str, object]:
        definition = {"name": {"und": name}} if name else {}
        statement = {"context": {"contextActivities": {"grouping": [{"id": grouping, "definition": definition}]}}}
        return {
            "statement_id": str(number),
            "stored": datetime(2026, 11, number, tzinfo=UTC),
            "grouping_id": grouping,
            "raw": orjson.dumps(statement),
        }

    rows = [
        row(1, COURSE, "Old name"),
        row(2, COURSE, "Privacy in practice"),
        row(3, "https://x.example/nameless", None),
        row(4, None, None),
    ]
    (tmp_path / "date=2026-11-04").mkdir()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "date=2026-11-04" / "part.parquet")
    assert community_names(str(tmp_path)) == {COURSE: "Privacy in practice"}


def test_without_a_mirror_there_are_no_names(tmp_path: Path) -> None:
    assert community_names(str(tmp_path / "mirror")) == {}

"""Rows of Totara's reports of completions, by the keys of their columns: labels are in the API user's language, the order is the administrator's."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.paging import dig
from leerstroom.errors import BadRecord

_PERSON = {"user_id": "id", "user_username": "username", "user_email": "email", "user_emailunobscured": "email", "user_idnumber": "idnumber"}  # fmt: skip
_COURSE = {
    "course_id": "id", "course_fullname": "name", "course_idnumber": "idnumber", "course_shortname": "shortname", "course_completion_enrolleddate": "assigned",
    "course_completion_completeddate": "completed", "course_completion_status": "status", "course_completion_iscompleterpl": "is_granted",
}  # fmt: skip
_PROGRAM = {
    "prog_id": "id", "prog_fullname": "name", "prog_idnumber": "idnumber", "prog_shortname": "shortname", "progcompletion_assigneddate": "assigned",
    "progcompletion_completeddate": "completed", "progcompletion_duedate": "due",
}  # fmt: skip
_CERTIFICATION = "certcompletion_"
_GRANTED = "75"  # Totara's number for a course that is complete by recognition of prior learning (RPL)


def rows(report: Any) -> Iterator[dict[str, Any]]:
    """{"sort": course | program | certification, "id", "name", "idnumber", "shortname", "assigned", "completed", "due", "is_granted", "who": {…}} of each row.

    Empty cells are left out; a row that cannot be read is {"fault"}. Raises BadRecord that lists the columns which the report lacks.
    """
    columns, found = dig(report, "columns"), dig(report, "rows")
    if not isinstance(columns, list) or not isinstance(found, list):
        raise BadRecord("the report has no columns or no rows")
    keys = [str(dig(column, "key")) for column in columns]
    sort, ours = _about(keys)
    for row in found:
        cells = dig(row, "data")
        cells = list(cells.values()) if isinstance(cells, Mapping) else cells
        if not isinstance(cells, list) or len(cells) != len(keys):
            yield {"fault": "a row of the report has other cells than the report has columns"}
            continue
        filled = {key: cell for key, cell in zip(keys, cells, strict=True) if cell is not None and cell != ""}
        told = {ours[key]: cell for key, cell in filled.items() if key in ours}
        yield {
            **told,
            "sort": sort,
            "is_granted": _is_granted(told.pop("status", None), told.get("is_granted")),
            "who": {_PERSON[key]: cell for key, cell in filled.items() if key in _PERSON},
        }


def _about(keys: list[str]) -> tuple[str, Mapping[str, str]]:
    """What the report is about, and our names of its columns. Raises BadRecord that lists all columns which it lacks."""
    is_program = any(key.startswith("prog") for key in keys)
    ours = _PROGRAM if is_program else _COURSE
    named = {ours.get(key) for key in keys}
    lacking = [
        *(() if "completed" in named else ("the Completion Date of a course or program",)),
        *(() if "id" in named else ("the ID of the course or program",)),
        *(() if _PERSON.keys() & set(keys) else ("the ID, username, ID number or e-mail of the user",)),
    ]
    if lacking:
        raise BadRecord(f"the report lacks columns: {'; '.join(lacking)}")
    is_certification = any(key.startswith(_CERTIFICATION) for key in keys)
    return ("certification" if is_certification else "program") if is_program else "course", ours


def _is_granted(status: Any, told: Any) -> bool:
    """Whether a course was completed by recognition of prior learning."""
    return "rpl" in str(status).casefold() or str(status) == _GRANTED or str(told).casefold() in {"1", "true", "yes", "ja"}  # fmt: skip

"""Registers of face-to-face learning as Dutch Excel saves them: workshops, lessons, peer groups, meetings; one file for some thousand lines."""

import csv
from collections.abc import Iterator
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

from leerstroom.replay.organisation import texts
from leerstroom.replay.organisation.plan import Organisation, Told

_HEADER = ("Personeelsnummer", "Naam", "Sessie", "Titel", "Datum", "Van", "Tot", "Uren", "Aanwezig", "Soort")
_KINDS = ("workshop", "klassikaal", "intervisie", "leergesprek", "training", "rollenspel")
_LINES_A_FILE = 2000
_GROUP = 12  # people of a session, on average
_ABSENT = 0.12


def write(
    folder: Path, organisation: Organisation, records: int, told: Told, address: str
) -> dict[str, dict[str, Any]]:
    """Writes about so many lines; returns the connection."""
    lines = _lines(organisation, records, told)
    for number in count(1):
        part = list(islice(lines, _LINES_A_FILE))
        if not part:
            break
        with (folder / f"presentielijst-{number:05d}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
            writer.writerows([["Presentielijst Academie Voorbeeldstad"], [], _HEADER, *part])
    return {"registers": {"source": "sheet", "files": f"{folder.name}/*.csv"}}


def _lines(organisation: Organisation, records: int, told: Told) -> Iterator[tuple[str, ...]]:
    """A line for each person who was to come to a session; counts them."""
    draw = organisation.draw("registers")
    for number, moment in enumerate(organisation.rhythm.moments(max(1, round(records / _GROUP)), draw)):
        local = datetime.fromtimestamp(moment / 1000, organisation.zone)
        begin, hours = min(max(local.hour, 8), 19), draw.choice((1, 2, 3, 4))
        for who in organisation.everyone.some(draw, draw.randrange(_GROUP // 2, _GROUP + _GROUP // 2 + 1)):
            is_absent = draw.random() < _ABSENT
            told.record("ignored" if is_absent else "attended")
            yield (
                organisation.employee_id(who), organisation.full_name(who), f"S{number:06d}", texts.subject(number % 60), f"{local:%d-%m-%Y}",
                f"{begin:02d}:00", f"{begin + hours:02d}:00", f"{hours},0", "nee" if is_absent else "ja", _KINDS[number % len(_KINDS)],
            )  # fmt: skip

"""Writes the registers of the town hall for three weeks: a CSV as Dutch Excel saves it, with three bad lines, and a workbook. Seeded.

python tests/recordings/demo/sheet/make.py
"""

import csv
import random
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl

HERE = Path(__file__).parent
RANDOM = random.Random(20261103)
FIRST = date(2026, 10, 26)


def people() -> list[dict]:
    with (HERE.parent / "employees.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def workshops(staff: list[dict]) -> list[list[str]]:
    """Lines of presentielijst.csv: personeelsnummer;naam;sessie;titel;datum;van;tot;uren;aanwezig;soort."""
    plan = [
        ("WS-AI-1", "Workshop Slim prompten", 1, "09:30", "12:00", "2,5", "workshop", 11),
        ("WS-AI-2", "Workshop Slim prompten", 8, "13:00", "15:30", "2,5", "workshop", 10),
        ("KL-BHV", "Herhaling bedrijfshulpverlening", 9, "09:00", "16:30", "6,5", "klassikaal", 8),
        ("KL-GES", "Gesprekstechniek in de wijk", 15, "09:30", "16:00", "5,5", "klassikaal", 9),
        ("RP-AGR", "Omgaan met agressie", 17, "13:30", "16:30", "3", "rollenspel", 7),
    ]
    lines = []
    for code, title, day, start, end, hours, kind, size in plan:
        for person in RANDOM.sample(staff, size):
            name = person["emails"].split("@")[0].split(".")
            when = FIRST + timedelta(days=day)
            status = RANDOM.choice(["ja", "ja", "ja", "ja", "x", "Aanwezig", "te laat", "nee"])
            lines.append([
                person["employee_id"], f"{name[-1].title()}, {name[0][0].upper()}.", code, title, when.strftime("%d-%m-%Y"), start, end, hours, status, kind,
            ])  # fmt: skip
    lines[4][4] = "31-11-2026"  # a day that does not exist
    lines[13][0] = ""  # nobody
    lines[22][7] = "twee"  # no number
    return lines


def talks(staff: list[dict]) -> list[list[object]]:
    """Lines of leergesprekken.xlsx, in Excel's own dates and times."""
    lines: list[list[object]] = []
    by_team: dict[str, list[dict]] = {}
    for person in staff:
        by_team.setdefault(person["team"], []).append(person)

    def add(
        person: dict,
        code: str,
        title: str,
        day: int,
        start: time,
        end: time | None,
        hours: float | None,
        kind: str,
        role: str = "",
        who: str = "zelf",
    ) -> None:
        lines.append([
            person["emails"],
            code,
            title,
            datetime.combine(FIRST + timedelta(days=day), time()),
            start,
            end,
            hours,
            kind,
            role,
            who,
        ])

    for week in range(3):
        for team, members in sorted(by_team.items()):
            if RANDOM.random() < 0.7:
                group = RANDOM.sample(members, 4)
                for person in group:
                    add(
                        person,
                        f"INT-{team[:3].upper()}-{week + 1}",
                        f"Intervisie {team}",
                        week * 7 + 3,
                        time(15, 0),
                        time(16, 15),
                        None,
                        "intervisie",
                    )
            coach, coached = RANDOM.sample(members, 2)
            code, day = f"CO-{team[:3].upper()}-{week + 1}", week * 7 + RANDOM.randrange(5)
            add(
                coach,
                code,
                "Coachgesprek",
                day,
                time(10, 0),
                None,
                0.75,
                "coachgesprek",
                "coach",
            )
            add(coached, code, "Coachgesprek", day, time(10, 0), None, 0.75, "coachgesprek")
            shadow = RANDOM.choice(members)
            add(
                shadow,
                f"ML-{team[:3].upper()}-{week + 1}",
                "Dag meelopen met een collega",
                week * 7 + RANDOM.randrange(5),
                time(9, 0),
                time(12, 0),
                None,
                "meelopen",
            )
    for person in (person for person in staff if person["in_service_from"] == "2026-11-02"):
        for day in (8, 10, 12):
            add(
                person,
                "INW-2026",
                "Inwerken op de werkplek",
                day,
                time(9, 0),
                time(11, 0),
                None,
                "werkplekleren",
                "",
                "leidinggevende",
            )
    for person in RANDOM.sample(staff, 16):
        add(
            person,
            "WO-TOT",
            "Werkoverleg hele dienst",
            9,
            time(9, 0),
            time(10, 0),
            None,
            "overleg",
            "",
            "leidinggevende",
        )
    return lines


def main() -> None:
    staff = people()
    lines = workshops(staff)
    with (HERE / "presentielijst.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow(["Presentielijst Academie Voorbeeldstad"])
        writer.writerow([])
        writer.writerow([
            "Personeelsnummer",
            "Naam",
            "Sessie",
            "Titel",
            "Datum",
            "Van",
            "Tot",
            "Uren",
            "Aanwezig",
            "Soort",
        ])
        writer.writerows(lines)
        writer.writerow([f"Totaal {len(lines)} regels"])
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = datetime(2026, 11, 16)
    sheet = book.active
    sheet.title = "Gesprekken"
    sheet.append(["E-mailadres", "Code", "Onderwerp", "Datum", "Begin", "Eind", "Uren", "Soort", "Rol", "Initiatief"])
    for line in talks(staff):
        sheet.append(line)
    for row in sheet.iter_rows(min_row=2):
        row[3].number_format = "dd-mm-yyyy"
        row[4].number_format = row[5].number_format = "hh:mm"
    book.save(HERE / "leergesprekken.xlsx")
    print(len(lines), "lines and", sheet.max_row - 1, "talks")


if __name__ == "__main__":
    main()

"""WhatsApp: the contract on exports of our own making, pairs, and each trap of exported chats and of webhooks."""

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import planned
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from typer.testing import CliRunner

from connectors.mapping import Quarantined
from connectors.source import Record, Window
from connectors.sources.whatsapp import WhatsApp
from connectors.sources.whatsapp.export import Entry, parse
from leerstroom.cli import app
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import Directory, Employee
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted
from leerstroom.statements.vocabulary import EXTENSION_BASE, types, verbs

FOLDER = RECORDINGS / "whatsapp"
OTHERS = next((p / "shared" / "recordings" / "whatsapp" for p in Path(__file__).resolve().parents if (p / "shared" / "recordings").is_dir()), None)  # fmt: skip
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIELDS = {
    "files": [str(FOLDER)],
    "rooms": ["Leergroep teamleiders", "Leergroep monteurs", "Safety coaches", "Gijs", "106540352242922"],
    "channel_kinds": {"Leergroep teamleiders": "spontaneous_group"},
}
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


class TestWhatsApp(SourceContract):
    source = WhatsApp
    window = NOVEMBER
    names = ("Femke", "Gijs", "Chantal", "Karim", "Priya", "Sheena", "12345678", "31611111111", "wamid", "HBgL", "feedbackgesprek", "voordruk")  # fmt: skip

    def connection(self, url: str | None) -> dict[str, Any]:
        return FIELDS

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        yield from (
            text for text in (record.get("text"), record.get("sender")) if isinstance(text, str) and len(text) > 6
        )


@pytest.mark.parametrize("pair", pairs("whatsapp"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(WhatsApp, pair)


def whatsapp(**fields: Any) -> WhatsApp:
    made = completed(WhatsApp, {"files": [], "rooms": [], **fields}, "phone")
    assert isinstance(made, WhatsApp)
    return made


def entries(text: str, order: str | None = None) -> list[Entry]:
    return list(parse(text, AMSTERDAM, order).entries)


def said(text: str, name: str = "WhatsApp-chat met Groep.txt", **fields: Any) -> list[dict[str, Any]]:
    """The statements of an exported chat."""
    source = whatsapp(**fields)
    return statements_of(mapped(source, landed(source, list(source.read_document(text.encode(), name))))[1])


def pull(source: WhatsApp, window: Window = NOVEMBER) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


# --- what begins a message --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "minute"),
    [
        ("02-11-2026 09:15 - Naam: tekst", "2026-11-02T08:15"),  # Dutch, Android
        ("[02-11-2026 09:16:03] Naam: tekst", "2026-11-02T08:16"),  # Dutch, iOS
        ("11/29/26, 12:24 - Name: text", "2026-11-29T11:24"),  # English, Android, 24 hours
        ("11/29/26, 12:24 PM - Name: text", "2026-11-29T11:24"),
        ("11/29/26, 12:24\u202fAM - Name: text", "2026-11-28T23:24"),  # a narrow space before AM
        ("11/29/26, 23:59 PM - Name: text", "2026-11-29T22:59"),  # phones that count to 24 write PM too
        ("29/11/2026, 09:15 - Name: text", "2026-11-29T08:15"),  # United Kingdom
        ("29/11/2026, 9:15 p. m. - Nombre: texto", "2026-11-29T20:15"),
        ("[11/29/26, 12:24:03 PM] Name: text", "2026-11-29T11:24"),  # English, iOS
        ("[11/29/26, 12:24:03\u202fPM] Name: text", "2026-11-29T11:24"),
        ("29.11.26, 12:24 - Name: Text", "2026-11-29T11:24"),  # German, Android
        ("[29.11.26, 12:24:03] Name: Text", "2026-11-29T11:24"),  # German, iOS
        ("\ufeff[\ufeff29.11.26, 12:24:03] Name: Text", "2026-11-29T11:24"),  # a mark of byte order, also within
        ("\u200e[29.11.26, 12:24:03] Name: Text", "2026-11-29T11:24"),
        ("29/11/2026 à 12:24 - Nom: texte", "2026-11-29T11:24"),  # French
        ("2026-11-29 12 h 24 - Nom: texte", "2026-11-29T11:24"),  # French, Canada
        ("2026-11-29 12:24 - Namn: text", "2026-11-29T11:24"),
    ],
)
def test_a_message_begins_so_in_each_language_on_android_and_ios(line: str, minute: str) -> None:
    [entry] = entries(line)
    assert entry.at is not None
    assert (entry.at.isoformat()[:16], entry.sort) == (minute, "text")
    assert entry.sender in {"Naam", "Name", "Nom", "Nombre", "Namn"}
    assert entry.text.lower()[:3] == "tek" or entry.text.lower()[:3] == "tex"


def test_lines_below_a_message_belong_to_it() -> None:
    [first, second] = entries("02-11-2026 09:15 - A: een\ntwee\n\n10:30 - overleg: drie\n02-11-2026 09:16 - B: vier")
    assert (first.text, second.line) == ("een\ntwee\n\n10:30 - overleg: drie", 5)


def test_a_line_pasted_from_another_chat_begins_nothing() -> None:
    pasted = "[01-01-2020 10:00:00] Baas: dit stond in een andere groep"
    assert len(entries(f"02-11-2026 09:15 - A: kijk\n{pasted}\n02-11-2026 09:16 - B: ok")) == 2


def test_a_text_that_looks_like_a_time_and_holds_a_colon_stays_a_text() -> None:
    [entry] = entries("03-11-2026 08:00 - Femke Smit: 10:30 - overleg: neem je casus mee")
    assert (entry.sender, entry.text) == ("Femke Smit", "10:30 - overleg: neem je casus mee")


# --- when -----------------------------------------------------------------------------------------------------------------------------


def test_day_or_month_first_is_decided_on_the_whole_file() -> None:
    by_month = entries("1/5/26, 09:00 - A: a\n1/29/26, 09:00 - A: b")
    by_day = entries("1/5/26, 09:00 - A: a\n29/5/26, 09:00 - A: b")
    assert [each.at.date().isoformat() for each in by_month if each.at] == ["2026-01-05", "2026-01-29"]
    assert [each.at.date().isoformat() for each in by_day if each.at] == ["2026-05-01", "2026-05-29"]


def test_where_no_part_is_above_twelve_time_runs_forward() -> None:
    found = entries("10/11/2026, 09:00 - A: a\n11/11/2026, 09:00 - A: b\n01/12/2026, 09:00 - A: c")
    assert [each.at.date().isoformat() for each in found if each.at] == ["2026-11-10", "2026-11-11", "2026-12-01"]


def test_a_single_day_is_read_by_the_look_of_the_date() -> None:
    assert [entries(text)[0].at.date().isoformat() for text in ("5/4/26, 9:00 PM - A: a", "05/04/2026, 09:00 - A: a")] == ["2026-05-04", "2026-04-05"]  # type: ignore[union-attr]  # fmt: skip


def test_the_connection_can_say_the_order() -> None:
    assert entries("05/04/2026, 09:00 - A: a", "mdy")[0].at == datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="date_order"):
        whatsapp(date_order="american")


def test_a_date_that_does_not_exist_is_quarantined_and_the_rest_goes_on() -> None:
    source = whatsapp()
    records = list(source.read_document(b"31-11-2026 09:00 - A: a\n01-12-2026 09:00 - A: b", "x.txt"))
    _, outcomes = mapped(source, landed(source, records))
    assert [type(each) is Quarantined for each in outcomes] == [True, False]
    assert "date_order" in str(outcomes[0].reason)  # type: ignore[union-attr]


def test_times_without_a_zone_are_of_the_connections_zone() -> None:
    text = "02-07-2026 09:15 - A: tekst"
    assert [said(text, time_zone=zone)[0]["timestamp"] for zone in ("Europe/Amsterdam", "America/New_York")] == ["2026-07-02T07:15:00.000Z", "2026-07-02T13:15:00.000Z"]  # fmt: skip


def test_the_hour_that_comes_twice_in_autumn_is_told_by_the_step_back() -> None:
    lines = ["01:59", "02:10", "02:50", "02:05", "02:55", "03:01"]
    found = entries("\n".join(f"25-10-2026 {clock} - A: {clock}" for clock in lines))
    assert [each.at.strftime("%H:%M") for each in found if each.at] == [
        "23:59",
        "00:10",
        "00:50",
        "01:05",
        "01:55",
        "02:01",
    ]


def test_messages_a_little_out_of_order_are_no_second_hour() -> None:
    found = entries("25-10-2026 02:10 - A: a\n25-10-2026 02:09 - B: b")
    assert [each.at.strftime("%H:%M") for each in found if each.at] == ["00:10", "00:09"]


# --- who ------------------------------------------------------------------------------------------------------------------------------


def test_lines_of_the_app_are_never_persons() -> None:
    source = whatsapp()
    for name in ("WhatsApp-chat met Leergroep teamleiders.txt", "WhatsApp Chat - Leergroep monteurs.zip", "WhatsApp Chat with Safety coaches.txt"):  # fmt: skip
        records = list(source.read_document((FOLDER / name).read_bytes(), name))
        senders = {record["sender"] for record in records if record["sender"]}
        assert senders <= {"Femke Smit", "Gijs", "Chantal Bakker", "+31 6 12345678", "~ Karim", "Priya", "Tom", "Lena"}
        assert any(record["sort"] == "system" for record in records)


@pytest.mark.parametrize(
    "line",
    [
        'Femke heeft de groepsnaam gewijzigd van "A: oud" naar "B: nieuw"',
        "Femke changed the group name from “A: old” to “B: new”",
        'Du hast die Gruppe "Lernen: Technik" erstellt.',
        "Marie a créé le groupe « Atelier : soudure »",
        "+31 6 12345678 is toegevoegd",
        "Femke heeft deze groep toegevoegd aan de community: Leren",
        "Femke added this group to the community: Learning",
        "Femke heeft het onderwerp gewijzigd van ‘A: oud’ in ‘B: nieuw’",
        "Je beveiligingscode voor Gijs is gewijzigd. Tik voor meer informatie.",
    ],
)
def test_a_line_of_the_app_may_hold_a_colon_in_a_name(line: str) -> None:
    assert [entry.sort for entry in entries(f"02-11-2026 09:15 - {line}")] == ["system"]


@pytest.mark.parametrize("text", ["\u200eFemke heeft deze groep gemaakt", "\u200eJe hebt Gijs toegevoegd", "\u200eYou added Gijs", "\u200eGijs hat die Gruppe verlassen", "\u200eVous avez ajouté Gijs", "\u200eBerichten en oproepen zijn end-to-end versleuteld."])  # fmt: skip
def test_ios_writes_lines_of_the_app_in_somebodys_name(text: str) -> None:
    assert [entry.sort for entry in entries(f"[02-11-2026 09:15:00] Femke: {text}")] == ["system"]


def test_what_somebody_writes_about_the_group_is_a_message() -> None:
    [a, b] = entries(
        "[02-11-2026 09:15:00] Femke: Jan heeft de groep verlaten\n[02-11-2026 09:15:01] Femke: \u200eHow about locations?"
    )
    assert (a.sort, b.sort) == ("text", "text")


def test_a_phone_number_is_one_person_however_it_is_written() -> None:
    made = said("02-11-2026 09:15 - +31 6 12345678: een\n02-11-2026 09:16 - \u202a+31\xa06-1234\xa05678\u202c: twee")
    assert {each["actor"]["account"]["name"] for each in made} == {KEY.account("https://wa.me", "+31612345678")}


def test_people_are_found_by_number_or_by_a_name_that_the_directory_gives_for_that_group_and_by_nothing_else() -> None:
    text = "02-11-2026 09:15 - +31 6 12345678: een\n02-11-2026 09:16 - Gijs: twee\n02-11-2026 09:17 - Femke: drie"
    directory = Directory([Employee("E1", (), (("whatsapp", "+31612345678"),)), Employee("E2", (), (("whatsapp", "Groep/Gijs"),)), Employee("Femke", ("Femke",), (("moodle", "Femke"),))])  # fmt: skip
    source = whatsapp()
    records = landed(source, list(source.read_document(text.encode(), "WhatsApp-chat met Groep.txt")))
    names = [each["actor"]["account"]["name"] for each in statements_of(mapped(source, records, directory)[1])]
    assert names == [KEY.actor("E1"), KEY.actor("E2"), KEY.account("https://wa.me", "Groep/Femke")]


def test_the_same_name_in_two_groups_is_not_taken_for_one_person() -> None:
    text = "02-11-2026 09:15 - Gijs: een"
    first, second = (said(text, f"WhatsApp-chat met {group}.txt")[0]["actor"] for group in ("A", "B"))
    assert first != second


def test_a_name_that_somebody_chose_is_another_label_than_one_of_the_address_book() -> None:
    first, second = said("[02-11-2026 09:15:00] ~\u202fGijs: een\n[02-11-2026 09:15:01] Gijs: twee")
    assert first["actor"] != second["actor"]


def test_mentions_are_people_of_the_group_or_numbers() -> None:
    [made] = said("02-11-2026 09:15 - Femke: @\u2068Gijs\u2069 en @31612345678, kijk hier eens naar")
    assert {each["account"]["name"] for each in made["context"]["extensions"][EXTENSION_BASE + "mentions"]} == {KEY.account("https://wa.me", "Groep/Gijs"), KEY.account("https://wa.me", "+31612345678")}  # fmt: skip


def test_a_name_that_somebody_chose_is_one_label_where_they_write_and_where_they_are_mentioned() -> None:
    first, second = said(
        "[02-11-2026 09:15:00] ~\u202fGijs de Wit: een vraag aan allen\n[02-11-2026 09:16:00] Femke: @\u2068~Gijs de Wit\u2069 ok"
    )
    assert [each["account"] for each in second["context"]["extensions"][EXTENSION_BASE + "mentions"]] == [first["actor"]["account"]]  # fmt: skip
    assert second["context"]["extensions"][EXTENSION_BASE + "text-length"] == "short", "a name is no word of the writer"


# --- what -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("<Media weggelaten>", "file"), ("<Media omitted>", "file"), ("<Medien ausgeschlossen>", "file"), ("<Médias omis>", "file"),
        ("\u200eafbeelding weggelaten", "file"), ("\u200eBild weggelassen", "file"), ("\u200eimage absente", "file"), ("\u200edocument omitted", "file"),
        ("plan.pdf • \u200e3 pagina’s \u200edocument weggelaten", "file"), ("IMG-20261102-WA0001.jpg (bestand bijgevoegd)", "file"),
        ("\u200e<attached: 0001-PHOTO-2026-11-02.jpg>", "file"), ("\u200e<bijgevoegd: 0001-AUDIO.opus>", "file"), ("\u200ePTT-1.opus (Datei angehängt)", "file"),
        ("\u200esticker weggelaten", "sticker"), ("\u200eGIF omitted", "sticker"), ("STK-1.webp (file attached)", "sticker"),
        ("\u200eContact card omitted", "contact"), ("Jan.vcf (bestand bijgevoegd)", "contact"),
        ("Dit bericht is verwijderd", "deleted"), ("\u200eJe hebt dit bericht verwijderd.", "deleted"), ("U hebt dit bericht verwijderd", "deleted"), ("This message was deleted", "deleted"),
        ("\u200eThis message was deleted by admin Femke.", "deleted"), ("Diese Nachricht wurde gelöscht.", "deleted"), ("Vous avez supprimé ce message", "deleted"),
        ("locatie: https://maps.google.com/?q=52.1,5.1", "location"), ("Live location shared", "location"), ("\u200eLocation: https://maps.google.com/?q=50.9,6.9", "location"),
        ("\u200eGemiste spraakoproep", "call"), ("\u200eVoice call, \u200e12 min", "call"), ("\u200eVerpasster Sprachanruf", "call"),
        ("\u200eGroepsspraakoproep. \u200e4 deelgenomen", "call"), ("\u200eGroup voice call. \u200e3 joined", "call"), ("Verpasster Gruppen-Sprachanruf", "call"), ("\u200eAppel vocal manqué. \u200eToucher pour rappeler", "call"),
        ("", "empty"), ("null", "empty"),
        ("Wachten op dit bericht. Dit kan even duren.", "empty"), ("Wachten op bericht", "empty"), ("\u200eWaiting for this message. This may take a while.", "empty"),
        ("Warte auf diese Nachricht. Dies kann etwas dauern.", "empty"), ("En attente de ce message. Cela peut prendre un moment.", "empty"), ("Wachten op dit bericht duurt lang", "text"),
        ("\u200eDit bericht is door een beheerder verwijderd.", "deleted"), ("\u200eYou deleted this message as admin", "deleted"), ("Diese Nachricht wurde vom Admin Femke gelöscht.", "deleted"),
        ("\u200eGIF retiré", "sticker"), ("\u200emessage vidéo omis", "file"), ("\u200enote vidéo omise", "file"), ("Localisation en direct partagée", "location"),
        ("foto.jpg (Datei angeha\u0308ngt)", "file"),
        ("Ik heb het plaatje weggelaten", "text"), ("Video call. Wie doet er mee?", "text"), ("Dit bericht is verwijderd door mij omdat het fout was", "deleted"),
    ],
)  # fmt: skip
def test_what_the_app_writes_instead_of_a_text_is_known_by_its_words(text: str, sort: str) -> None:
    [entry] = entries(f"[02-11-2026 09:15:00] Gijs: {text}")
    assert entry.sort == sort


def test_a_file_with_a_caption_that_asks_is_a_question_and_without_one_it_is_shared() -> None:
    asked, shared = said(
        "02-11-2026 09:15 - A: foto.jpg (bestand bijgevoegd)\nWie weet welk onderdeel dit is?\n02-11-2026 09:16 - B: <Media weggelaten>"
    )
    assert (asked["verb"]["id"], shared["verb"]["id"]) == (verbs.ASKED.iri, verbs.SHARED.iri)
    assert shared["object"]["definition"]["type"] == types.FILE


def test_a_caption_before_the_word_for_what_is_left_out_is_the_writers() -> None:
    asked, shared = entries(
        "[02-11-2026 09:15:00] A: Wie kent dit onderdeel? \u200eafbeelding weggelaten\n\u200e[02-11-2026 09:16:00] B: Zie hier\nen daar \u200evideo omitted"
    )
    assert [(each.sort, each.text) for each in (asked, shared)] == [("file", "Wie kent dit onderdeel?"), ("file", "Zie hier\nen daar")]  # fmt: skip
    assert entries("02-11-2026 09:15 - A: Er is een afbeelding weggelaten")[0].sort == "text"


def test_a_poll_is_its_question_and_its_options_are_nobodys_words() -> None:
    [entry] = entries(
        "[02-11-2026 09:15:00] A: \u200ePOLL:\nWat bespreken we eerst?\n\u200eOPTION: Wie weet dit (\u200e2 votes)\n\u200eOPTION: Verzuim (\u200e1 vote)"
    )
    assert (entry.sort, entry.text) == ("poll", "Wat bespreken we eerst?")
    [entry] = entries(
        "02/11/2026, 09:15 - A: SONDAGE :\nQuand ?\nOPTION\xa0: lundi (2 votes)\nOPTION\xa0: mardi (0 vote)"
    )
    assert (entry.sort, entry.text) == ("poll", "Quand ?")
    assert [entry.sort for entry in entries("02-11-2026 09:15 - A: PEILING: wie eet er mee?")] == ["text"]


def test_the_mark_of_an_edit_is_none_of_the_text() -> None:
    for mark in (
        "<Dit bericht is bewerkt>",
        "\u200e<This message was edited>",
        "<Diese Nachricht wurde bearbeitet.>",
        "<Ce message a été modifié>",
    ):
        [entry] = entries(f"02-11-2026 09:15 - A: Hallo {mark}")
        assert (entry.text, entry.edited) == ("Hallo", True)


# --- the same again ---------------------------------------------------------------------------------------------------------------------


def test_the_same_word_of_the_same_person_in_the_same_minute_is_said_twice() -> None:
    made = said((FOLDER / "WhatsApp-chat met Leergroep teamleiders.txt").read_text(encoding="utf-8"))
    agreed = [each for each in made if each["timestamp"] == "2026-11-02T08:10:00.000Z"]
    assert len({each["id"] for each in agreed}) == 3


def test_a_longer_export_of_the_same_chat_gives_the_same_statements_and_the_new_ones() -> None:
    text = (FOLDER / "WhatsApp-chat met Leergroep teamleiders.txt").read_text(encoding="utf-8")
    before = {each["id"] for each in said(text[: text.index("02-11-2026 21:40")])}
    assert before < {each["id"] for each in said(text)}


def test_a_phone_that_writes_seconds_agrees_with_one_that_does_not() -> None:
    android = "02-11-2026 09:15 - +31 6 12345678: een\n02-11-2026 09:15 - +31 6 12345678: twee"
    ios = "[02-11-2026 09:15:01] +31 6 12345678: een\n[02-11-2026 09:15:40] +31 6 12345678: twee"
    objects = [[each["object"]["id"] for each in said(text)] for text in (android, ios)]
    assert objects[0] == objects[1]


def test_nothing_of_a_key_can_be_guessed() -> None:
    source = whatsapp()
    [kept] = landed(
        source, list(source.read_document(b"02-11-2026 09:15 - Gijs: tekst", "WhatsApp-chat met Groep.txt"))
    )
    assert kept.key == KEY.account("https://wa.me", "id of Groep/2026-11-02T08:15/message/1")
    assert "Groep" not in json.dumps([kept.key, kept])


def test_an_edit_and_a_deletion_find_what_was_stated_before(tmp_path: Path) -> None:
    facts = Revisions(open_state(f"sqlite:///{tmp_path}/state.sqlite"), "phone")
    forms = ("Wie weet dit?", "Ik weet het al <Dit bericht is bewerkt>", "Dit bericht is verwijderd")
    left: set[str] = set()
    for day, form in enumerate(forms, 3):
        source, at = whatsapp(), f"2026-11-0{day}T01:00:00.000Z"
        records = list(source.read_document(f"02-11-2026 09:15 - A: {form}".encode(), "x.txt"))
        _, outcomes = mapped(source, landed(source, records))
        void = facts.retract([each.key for each in outcomes if isinstance(each, Retracted)], at)
        plan = planned(facts, [dict(each) for each in statements_of(outcomes)], at)  # type: ignore[list-item]
        left = (left | {each["id"] for each in plan.send}) - {each for each, _ in [*void, *plan.void]}
        assert len(left) == (1 if day < 5 else 0)


def test_when_the_exporter_deletes_a_line_what_stands_in_its_place_is_another_statement_of_it() -> None:
    [first, _] = said("02-11-2026 09:15 - A: een\n02-11-2026 09:15 - A: iets anders dat veel langer is dan een")
    [moved] = said("02-11-2026 09:15 - A: iets anders dat veel langer is dan een")
    assert first["object"] == moved["object"]
    assert first["id"] != moved["id"]


def test_of_two_exports_of_a_group_the_newer_counts_where_it_reaches(tmp_path: Path) -> None:
    text = (FOLDER / "WhatsApp-chat met Leergroep teamleiders.txt").read_text(encoding="utf-8")
    old, new = (
        tmp_path / "WhatsApp-chat met Leergroep teamleiders.txt",
        tmp_path / "WhatsApp-chat met Leergroep teamleiders (1).txt",
    )
    old.write_text(text[: text.index("02-11-2026 21:40")], encoding="utf-8")
    new.write_text(text[text.index("02-11-2026 09:06") :].replace("Akkoord", "Prima"), encoding="utf-8")
    os.utime(old, (1_790_000_000, 1_790_000_000))
    os.utime(new, (1_790_000_100, 1_790_000_100))
    records = pull(whatsapp(**{**FIELDS, "files": [str(tmp_path)]}))
    assert Counter(record["text"] for record in records)["Prima"] == 3
    assert not any(record["text"] == "Akkoord" for record in records)
    assert any(record["text"].startswith("Welkom") for record in records)


# --- what is read ----------------------------------------------------------------------------------------------------------------------


def test_a_chat_of_two_and_a_group_that_is_not_allowed_are_not_read(caplog: pytest.LogCaptureFixture) -> None:
    rooms = [room for room in FIELDS["rooms"] if room != "Safety coaches"]
    records = pull(whatsapp(**{**FIELDS, "rooms": rooms}))
    assert {record["room"] for record in records if "room" in record} == {
        "Leergroep teamleiders",
        "Leergroep monteurs",
        "106540352242922",
    }
    assert "of a chat of two" in caplog.text
    assert "Gijs" not in caplog.text


def test_the_name_of_a_group_lands_only_where_the_connection_names_it() -> None:
    text = "02-11-2026 09:15 - A: tekst"
    named, unnamed = said(text, rooms=["Groep"])[0], said(text)[0]
    rooms = [each["context"]["contextActivities"]["grouping"][0] for each in (named, unnamed)]
    assert rooms[0]["definition"]["name"] == {"und": "Groep"}
    assert "name" not in rooms[1]["definition"]
    assert rooms[0]["id"] == rooms[1]["id"]


@pytest.mark.parametrize("name", ["WhatsApp-chat met Leren.txt", "WhatsApp Chat with Leren.txt", "WhatsApp-Chat mit Leren (2).txt", "Discussion WhatsApp avec Leren.txt", "WhatsApp Chat - Leren.zip"])  # fmt: skip
def test_the_group_is_told_by_the_name_that_the_app_gives_to_an_export(name: str) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("_chat.txt", "[02-11-2026 09:15:00] A: tekst")
        archive.writestr("00000001-PHOTO.jpg", b"\xff\xd8")
    content = data.getvalue() if name.endswith(".zip") else b"02-11-2026 09:15 - A: tekst"
    assert [record["room"] for record in whatsapp().read_document(content, name)] == ["Leren"]


def test_what_is_no_chat_is_refused_and_a_broken_file_is_reported_without_its_name(tmp_path: Path) -> None:
    for content in (b"zomaar tekst\nzonder datum", b"", b"PK\x03\x04rest"):
        with pytest.raises(BadRecord):
            list(whatsapp().read_document(content, "x.txt"))
    (tmp_path / "WhatsApp-chat met Jan de Vries.zip").write_bytes(b"PK\x03\x04rest")
    source = whatsapp(files=[str(tmp_path)], rooms=["x"])
    mapper, _ = mapped(source, landed(source, pull(source)))
    assert [("Jan" in reason, "no ZIP archive" in reason) for reason in mapper.counts.quarantined] == [(False, True)]
    with source.api() as api, pytest.raises(ConfigurationError, match="file 1"):
        source.check(api)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_that_somebody_saved_again_is_read_in_its_encoding(encoding: str) -> None:
    [entry] = whatsapp().read_document("02-11-2026 09:15 - Zoë: geëerd".encode(encoding), "x.txt")
    assert (entry["sender"], entry["text"]) == ("Zoë", "geëerd")


# --- webhooks ---------------------------------------------------------------------------------------------------------------------------


def webhooks() -> list[Any]:
    return [json.loads(line) for line in (FOLDER / "webhooks.jsonl").read_text().splitlines() if line.startswith("{")]


def test_webhooks_tell_whom_somebody_answers_and_who_accepts_it() -> None:
    source = whatsapp()
    records = [record for payload in webhooks()[:5] for record in source.read(payload)]
    mapper, outcomes = mapped(source, landed(source, records))
    assert [each["verb"]["id"] for each in statements_of(outcomes)] == [
        verbs.ASKED.iri,
        verbs.ANSWERED.iri,
        verbs.VOTED_UP.iri,
        verbs.SHARED.iri,
    ]
    assert mapper.counts.ignored == {"delivery report": 1}


def test_a_number_of_a_webhook_is_the_person_of_an_export() -> None:
    source = whatsapp()
    [record] = landed(source, list(source.read(webhooks()[0])))
    assert record["sender"] == [KEY.account("https://wa.me", "+31611111111")]


def test_a_sign_that_is_taken_away_takes_back_the_one_that_was_given() -> None:
    def sign(emoji: str | None) -> Any:
        reaction = {"message_id": "wamid.B", **({"emoji": emoji} if emoji else {})}
        return {
            "from": "31611111111",
            "id": f"wamid.{emoji}",
            "timestamp": "1794387800",
            "type": "reaction",
            "reaction": reaction,
        }

    source = whatsapp()
    [given] = landed(source, list(source.read(sign("👍"))))
    [taken] = landed(source, list(source.read(sign(None))))
    assert given.key == taken.key
    assert statements_of(mapped(source, [taken])[1]) == []


@pytest.mark.parametrize("told", [{"type": "request_welcome"}, {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": "{}"}}}])  # fmt: skip
def test_a_form_that_was_filled_in_and_a_chat_that_was_opened_are_no_messages(told: dict[str, Any]) -> None:
    source = whatsapp()
    webhook = {"metadata": {"phone_number_id": "1"}, "messages": [{"from": "31612345678", "id": "w1", "timestamp": "1793700000", **told}]}  # fmt: skip
    mapper, made = mapped(source, landed(source, list(source.read(webhook))))
    assert (made, mapper.counts.ignored) == ([], {"message without content": 1})


def test_an_edit_and_a_deletion_by_webhook_are_of_the_first_message() -> None:
    source = whatsapp()
    first = {
        "from": "31611111111",
        "id": "wamid.A",
        "timestamp": "1794387600",
        "type": "text",
        "text": {"body": "Wie weet dit?"},
    }
    edited = {"from": "31611111111", "id": "wamid.B", "timestamp": "1794387700", "type": "edit", "edit": {"original_message_id": "wamid.A", "message": {"type": "text", "text": {"body": "Ik weet het al"}}}}  # fmt: skip
    revoked = {
        "from": "31611111111",
        "id": "wamid.C",
        "timestamp": "1794387800",
        "type": "revoke",
        "revoke": {"original_message_id": "wamid.A"},
    }
    kept = [landed(source, list(source.read(each)))[0] for each in (first, edited, revoked)]
    assert len({each.key for each in kept}) == 1
    assert [len(statements_of(mapped(source, [each])[1])) for each in kept] == [1, 1, 0]


def test_a_line_that_is_no_webhook_is_reported_and_the_others_load() -> None:
    source = whatsapp(files=[str(FOLDER / "webhooks.jsonl")], rooms=["106540352242922"])
    mapper, _ = mapped(source, landed(source, pull(source)))
    assert mapper.counts.mapped == 4


# --- from a pipe, and from others ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["WhatsApp-chat met Leergroep teamleiders.txt", "WhatsApp Chat - Leergroep monteurs.zip", "WhatsApp Chat with Safety coaches.txt", "webhooks.jsonl"])  # fmt: skip
def test_a_file_is_normalised_the_same_by_name_and_from_a_pipe(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "a key of sixteen bytes or more")
    command, data = ["normalise", "whatsapp"], (FOLDER / name).read_bytes()
    by_name, piped = (CliRunner().invoke(app, [*command, *more], input=data) for more in ([str(FOLDER / name)], []))
    made = [[json.loads(line) for line in done.stdout.splitlines()] for done in (by_name, piped)]
    assert len(made[0]) >= 3
    assert [(each["verb"]["id"], each["timestamp"]) for each in made[0]] == [
        (each["verb"]["id"], each["timestamp"]) for each in made[1]
    ]


@pytest.mark.skipif(OTHERS is None, reason="recordings of others are not here")
def test_exports_of_others_in_english_and_german_agree_line_by_line() -> None:
    assert OTHERS is not None
    sorts = []
    for name in ("englishandroidampm", "englishios24h", "germanandroid24h", "germanios24h"):
        found = entries((OTHERS / "whatsr" / f"{name}.txt").read_text(encoding="utf-8"))
        assert {each.sender for each in found} == {None, "Alice", "Bob", "Carol", "Dave", "Mallory"}
        assert {each.at.date().isoformat() for each in found if each.at} == {"2018-01-29"}
        sorts.append(Counter(each.sort for each in found))
    assert all(each == sorts[0] for each in sorts)
    assert sorts[0] == {"text": 36, "system": 8, "file": 2, "location": 2, "empty": 1} | {"text": sorts[0]["text"]}


@given(st.text(max_size=300))
def test_any_text_is_a_chat_or_refused(text: str) -> None:
    source = whatsapp()
    try:
        records = list(source.read_document(text.encode("utf-8", "replace"), "x.txt"))
    except BadRecord:
        return
    mapper, _ = mapped(source, landed(source, records))
    assert mapper.counts.balances


@pytest.mark.parametrize("told", ["1793700000", 1793700000])
def test_the_time_of_a_webhook_is_seconds_as_text(told: str | int) -> None:
    message = {"from": "31611111111", "id": "wamid.A", "timestamp": told, "type": "text", "text": {"body": "Het rooster staat klaar."}}  # fmt: skip
    [made] = statements_of(mapped(whatsapp(), landed(whatsapp(), list(whatsapp().read(message))))[1])
    assert made["timestamp"] == "2026-11-03T10:00:00.000Z"


def test_a_name_behind_an_at_is_no_word_and_an_edit_that_changes_only_the_name_is_another_form() -> None:
    first, second = (said(f"02-11-2026 09:15 - A: @\u2068{name} de Vries\u2069 ok")[0] for name in ("Bram", "Elif"))
    assert [each["context"]["extensions"][EXTENSION_BASE + "text-length"] for each in (first, second)] == ["short"] * 2
    assert first["object"] == second["object"]
    assert first["id"] != second["id"]
    [entry] = entries("02-11-2026 09:15 - A: @\u2068Bram de Vries\u2069 ok")
    assert entry.text.strip() == "ok"

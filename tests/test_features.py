"""Text becomes features: what asks, what thanks, what only nods; and nothing of the text is left."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.features import asks, features

NAMES = {
    "length", "language", "has_link", "is_question", "is_only_question", "is_thanks", "is_acknowledgement", "is_reflection",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Weet iemand hoe ik in Airflow een DAG alleen op werkdagen laat lopen",
        "Hoe test je een DAG lokaal zonder de hele stack te starten?",
        "Klant vraagt of de factuur in termijnen kan. Wat is de lijn?",
        "Iemand een idee waarom mijn regex de ë niet pakt",
        "Wie heeft ervaring met het nieuwe zaaksysteem",
        "Hoi allemaal, kan iemand meekijken",
        ", weet jij hoe ik verlof overboek",  # behind a name that was taken out
        "Does anyone have experience with dbt snapshots",
        "How do I deduplicate rows in pandas?",
        "Weiß jemand, wie man das Protokoll exportiert",
        "Est-ce que quelqu'un sait comment faire",
        "Interessant artikel: https://example.org/a Wat vinden jullie?",
        "<p>Kan iemand <b>meekijken</b>?</p>",
        "Wie weet hoe de koffie in de automaat bijgevuld wordt?",
    ],
)
def test_a_request_for_help_asks(text: str) -> None:
    assert features([text])["is_question"]


@pytest.mark.parametrize(
    "text",
    [
        "Koffie?",
        "Lunch om 12:15?",
        "Zin in een wandeling in de pauze?",
        "Coffee anyone?",
        "Alles goed?",
        "Goed weekend gehad?",
        "Kijk op https://example.org/zoek?q=verlof",
        "> Hoe werkt dit?\n\nZo: druk op de knop.",
        "<mx-reply><blockquote>Hoe werkt dit?</blockquote></mx-reply>Zo: druk op de knop.",
        "Gebruik `SELECT ?` voor een parameter",
        "Hoe leuk dat je er bent!",
        "Wie niet waagt, die niet wint",
        "",
    ],
)
def test_what_seeks_no_help_does_not_ask(text: str) -> None:
    assert not features([text])["is_question"]


@pytest.mark.parametrize(
    "text", ["Top, dankjewel Anouk!", "Perfect, opgelost!", "Thanks, that solved it 🙏", "Helder, dank.", "Vielen Dank", "Het werkt!"]
)  # fmt: skip
def test_thanks_are_thanks(text: str) -> None:
    assert features([text])["is_thanks"]


@pytest.mark.parametrize(
    "text", ["Alvast bedankt!", "De top 10 van vragen staat in de wiki", "Het is nog niet opgelost", "Graag gedaan"]
)
def test_thanks_beforehand_and_look_alikes_are_not(text: str) -> None:
    assert not features([text])["is_thanks"]


@pytest.mark.parametrize("text", ["ok", "eens", "👍", "haha ja", "Me too", "Helemaal mee eens", ""])
def test_a_nod_is_only_a_nod(text: str) -> None:
    assert features([text])["is_acknowledgement"]


@pytest.mark.parametrize(
    "text", ["Ja: gebruik een cron-expressie 0 6 * * 1-5", "AI Act!", "ok?", "Tot 3 termijnen mag je zelf beslissen"]
)
def test_an_answer_is_more_than_a_nod(text: str) -> None:
    assert not features([text])["is_acknowledgement"]


@pytest.mark.parametrize(
    "text", ["```\nselect 1\n```", "`=SOM(A1:A9)`", "<pre><code>select 1</code></pre>", "ok: `git pull`"]
)
def test_code_holds_no_word_of_the_writer_and_is_more_than_a_nod(text: str) -> None:
    assert not features([text])["is_acknowledgement"]


def test_a_link_counts_and_a_mention_is_no_link() -> None:
    assert features(["Zie https://example.org/kb/1187."])["has_link"]
    assert features(['<a href="https://example.org">hier</a>'])["has_link"]
    assert not features(['<a href="https://matrix.to/#/@anouk:x.example">Anouk</a>: zie jij dit'])["has_link"]


@pytest.mark.parametrize(
    ("text", "length"),
    [("🎉", "none"), ("Build is groen", "short"), ("woord " * 12, "medium"), ("woord " * 80, "long")],
)
def test_length_is_a_bucket(text: str, length: str) -> None:
    assert features([text])["length"] == length


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Weet iemand hoe ik dit dashboard met de juiste cijfers kan vullen?", "nl"),
        ("Does anyone know how to fill this dashboard with the right figures?", "en"),
        ("Weiß jemand, wie man dieses Dashboard mit den richtigen Zahlen füllt?", "de"),
        ("Quelqu'un sait comment remplir ce tableau avec les bons chiffres ?", "fr"),
        ("ok", "und"),
    ],
)
def test_language_is_named_only_when_it_is_clear(text: str, language: str) -> None:
    assert features([text])["language"] == language


@given(st.lists(st.text(alphabet="abc ?.!\nhoe weet iemand`<>", max_size=60), max_size=3))
def test_asking_alone_agrees_with_all_features(texts: list[str]) -> None:
    assert asks(texts) == features(texts)["is_question"]


def test_looking_back_is_a_reflection() -> None:
    assert features(["Wat heb ik deze sprint geleerd: eerst een test schrijven scheelt echt tijd."])["is_reflection"]


def test_a_counter_question_is_nothing_but_a_question() -> None:
    assert features(["Welke versie gebruik je?"])["is_only_question"]
    assert not features(["Herkenbaar. Hoe meten we dat eigenlijk?"])["is_only_question"]


@given(st.lists(st.text(), max_size=3))
def test_any_text_gives_the_same_fields_and_nothing_of_itself(texts: list[str]) -> None:
    made = features(texts)
    assert set(made) == NAMES
    assert made["length"] in {"none", "short", "medium", "long"}
    assert made["language"].isascii()
    assert len(made["language"]) <= 3
    assert all(isinstance(made[name], bool) for name in NAMES - {"length", "language"})


def test_no_word_survives() -> None:
    kept = json.dumps(features(["Bel Anouk op 06-12345678, het wachtwoord is zomer2026"]))
    assert not any(word in kept for word in ("Anouk", "06-12345678", "wachtwoord", "zomer2026"))


def test_the_model_of_languages_is_loaded_only_when_needed() -> None:
    import subprocess
    import sys

    code = "import sys, leerstroom.features as f; f.features(['ok']); print('py3langid' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.strip() == "False"

"""What invented people write: sentences of which everybody can see whether they ask, answer, thank or agree."""

import random

THINGS = (
    "een draaitabel", "een gedeelde agenda", "een verslag in begrijpelijke taal", "een privacyverklaring", "een samengevoegd document", "een grafiek", "een melding van een datalek",
    "een planning in sprints", "een keukentafelgesprek", "een besluit op bezwaar", "een startgesprek", "een dashboard", "een formulier", "een zaakdossier", "een prompt",
)  # fmt: skip
PLACES = (
    "Excel",
    "Teams",
    "het zaaksysteem",
    "Power BI",
    "het intranet",
    "Outlook",
    "het leerportaal",
    "de wijk",
    "het team",
    "de webwinkel",
)
SUBJECTS = (
    "Veilig werken met gegevens", "Slim prompten", "Gesprekken met inwoners", "Rekenen met draaitabellen", "Begrijpelijk schrijven", "Leidinggeven op afstand", "De Omgevingswet",
    "Integraal samenwerken", "Agressie en grenzen", "Projecten in korte slagen", "Onderhandelen", "Inclusief vergaderen",
)  # fmt: skip
_QUESTIONS = (
    "Weet iemand hoe ik {thing} in {place} maak?",
    "Heeft iemand ervaring met {thing} in {place}?",
    "Hoe kan ik {thing} delen met een collega die {place} niet gebruikt?",
    "Waar vind ik de handleiding voor {thing} in {place}?",
    "Kunnen jullie meedenken over {thing}, het lukt mij niet in {place}?",
)
_ANSWERS = (
    "Open {place}, kies bovenaan voor invoegen en maak daar {thing} aan.",
    "Bij ons begint {thing} met een lege pagina in {place}, daarna volgt de rest vanzelf.",
    "Kijk in {place} onder de voorbeelden, daar staat {thing} stap voor stap uitgewerkt.",
    "Begin klein: eerst {thing} voor een enkele afdeling, dan pas in heel {place}.",
)
_POSTS = (
    "Vandaag {thing} getest in {place}, dat scheelt een kwartier per dag.",
    "Wat ik meeneem uit de sessie van gisteren: maak {thing} samen met de mensen die het gebruiken.",
    "Ter info: {place} is vrijdag na vijf uur niet bereikbaar door onderhoud.",
    "Wij hebben {thing} nu een maand in gebruik en delen onze ervaringen donderdag.",
)
_THANKS = ("Dank je wel, dit helpt!", "Bedankt, zo kom ik verder.", "Top, dank!")
_NODS = ("Eens", "Precies", "Helder", "Goed idee")


def question(draw: random.Random) -> str:
    """A sentence that asks for help."""
    return _filled(draw, _QUESTIONS)


def answer(draw: random.Random) -> str:
    """A sentence that explains."""
    return _filled(draw, _ANSWERS)


def post(draw: random.Random) -> str:
    """A sentence that tells something."""
    return _filled(draw, _POSTS)


def link(draw: random.Random) -> str:
    """A sentence with an address."""
    return f"Handig overzicht over {draw.choice(THINGS)}: https://kennis.voorbeeldstad.example/{draw.randrange(5000)}"


def thanks(draw: random.Random) -> str:
    """Thanks for an answer."""
    return draw.choice(_THANKS)


def nod(draw: random.Random) -> str:
    """Agreement that says no more."""
    return draw.choice(_NODS)


def subject(number: int) -> str:
    """What a course, room or meeting is about; each number has another one."""
    again, which = divmod(number, len(SUBJECTS))
    return SUBJECTS[which] + (f" {again + 1}" if again else "")


def _filled(draw: random.Random, sentences: tuple[str, ...]) -> str:
    return draw.choice(sentences).format(thing=draw.choice(THINGS), place=draw.choice(PLACES))

"""What the indicators are called: the texts of `schemas/indicators.yaml`, and the name of a part such as `generation_share.1.0`."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from leerstroom.schemas import read_yaml

QUARTILES = {
    "p25": {"en": "first quartile", "nl": "eerste kwartiel"},
    "p75": {"en": "third quartile", "nl": "derde kwartiel"},
}  # beside a median
SENSITIVITY = {
    "estimates_half": {"en": "with estimates halved", "nl": "met gehalveerde schattingen"},
    "estimates_double": {"en": "with estimates doubled", "nl": "met verdubbelde schattingen"},
}  # beside a share


@cache
def indicator_texts() -> Mapping[str, Any]:
    """Texts by indicator id, in the order of the catalogue."""
    raw = read_yaml("indicators.yaml")
    texts: Mapping[str, Any] = raw.get("indicators", raw)
    return {name: body for name, body in texts.items() if isinstance(body, dict) and "en" in body}


def base_id(indicator_id: str) -> str:
    """`generation_share.1.0` is a category of `generation_share`."""
    return indicator_id.split(".", 1)[0]


@cache
def label(indicator_id: str, language: str) -> str:
    """`Leren 1.0/2.0/3.0: uitgewisseld`; an indicator without texts is called by its id."""
    body = indicator_texts().get(base_id(indicator_id))
    if body is None:
        return indicator_id
    name = str(body[language]["name"])
    part = indicator_id.split(".", 1)[1] if "." in indicator_id else ""
    for sensitivity, words in SENSITIVITY.items():
        if part.endswith(sensitivity):
            return f"{label(indicator_id.removesuffix(f'.{sensitivity}'), language)}, {words[language]}"
    for quartile, words in QUARTILES.items():
        if part.endswith(f".{quartile}"):
            return f"{label(indicator_id.removesuffix(f'.{quartile}'), language)}, {words[language]}"
    if not part:
        return name
    named = {**QUARTILES, **body.get("categories", {}), **body.get("parts", {})}.get(part)
    return f"{name}: {named[language] if named else part}"


@cache
def unit(indicator_id: str) -> str:
    """minutes, count, days, share, score, ratio or stage; empty when the indicator has no texts."""
    body = indicator_texts().get(base_id(indicator_id))
    return str(body["unit"]) if body else ""


def position(indicator_id: str) -> tuple[int, str]:
    """Sorts indicators in the order of the catalogue."""
    order = _order()
    return order.get(base_id(indicator_id), len(order)), indicator_id


@cache
def _order() -> Mapping[str, int]:
    return {name: number for number, name in enumerate(indicator_texts())}

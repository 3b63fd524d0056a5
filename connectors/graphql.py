"""GraphQL over HTTP: one question and its data. Errors come with status 200 there, so what they mean is told here.

It knows no platform: with which words a vendor refuses, the source says.
"""

from collections.abc import Mapping
from typing import Any

from connectors.http import Api
from leerstroom.errors import UnexpectedShape


def ask(api: Api, path: str, query: str) -> dict[str, Any]:
    """The data of `query`; a part that failed is None in it, as long as another did not.

    Raises UnexpectedShape where there is no data; it does not repeat the message of an error, which may name people.
    """
    body = api.post(path, json={"query": query}).body
    if data := _data(body):
        return data
    where = f"connection '{api.connection}' at {path}"
    if not isinstance(body, Mapping):
        raise UnexpectedShape(f"{where}: the answer is none of GraphQL; is this the address of the API?")
    raise UnexpectedShape(f"{where}: the answer holds no data{_sorts(body)}; the platform's log says why")


def meant(status: int, body: Any, words: Mapping[str, int]) -> int:
    """The status that is really meant: the one of `words` with which an error begins (in lower case), where an answer holds no data."""
    if _data(body):
        return status
    told = [str(each.get("message", "")).lower() for each in _errors(body)]
    return next((real for word, real in words.items() if any(each.startswith(word) for each in told)), status)


def _data(body: Any) -> dict[str, Any]:
    data = body.get("data") if isinstance(body, Mapping) else None
    return dict(data) if isinstance(data, Mapping) and any(value is not None for value in data.values()) else {}


def _errors(body: Any) -> list[Mapping[str, Any]]:
    errors = body.get("errors") if isinstance(body, Mapping) else None
    return [each for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []


def _sorts(body: Any) -> str:
    """The vendor's words for the sort of its errors, never their messages."""
    told = [each.get("extensions") for each in _errors(body)]
    found = {str(each.get("category") or "") for each in told if isinstance(each, Mapping)}
    words = sorted(word for word in found if word.replace("_", "").isalnum() and len(word) <= 40)
    return f" ({', '.join(words)})" if words else ""

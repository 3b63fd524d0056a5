"""GraphQL over HTTP: one question and its data. Refusals come with status 200 there, so they are told apart here.

It knows no platform: how a vendor words that credentials are refused, the source says.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from connectors.http import Api
from leerstroom.errors import CredentialsRefused, UnexpectedShape


def ask(api: Api, path: str, query: str, *, is_refusal: Callable[[str], bool]) -> dict[str, Any]:
    """The data of `query`; a part that failed is None in it, as long as another did not.

    `is_refusal` judges the message of an error. Raises CredentialsRefused, and UnexpectedShape where there is no data; neither repeats a message,
    which may name people.
    """
    body = api.post(path, json={"query": query}).body
    where = f"connection '{api.connection}' at {path}"
    if not isinstance(body, Mapping):
        raise UnexpectedShape(f"{where}: the answer is none of GraphQL; is this the address of the API?")
    errors = body.get("errors")
    told = [each for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []
    data = body.get("data")
    if isinstance(data, Mapping) and any(value is not None for value in data.values()):
        return dict(data)
    if any(is_refusal(str(each.get("message", ""))) for each in told):
        raise CredentialsRefused(
            f"{where}: the credentials or rights are refused{_sorts(told)}; check id, secret and rights of the client, then run leerstroom check {api.connection}"
        )
    raise UnexpectedShape(f"{where}: the answer holds no data{_sorts(told)}; the platform's log says why")


def _sorts(errors: Collection[Mapping[str, Any]]) -> str:
    """The vendor's words for the sort of its errors, never their messages."""
    found = {
        str(each["extensions"].get("category") or "") for each in errors if isinstance(each.get("extensions"), Mapping)
    }
    words = sorted(word for word in found if word.replace("_", "").isalnum() and len(word) <= 40)  # fmt: skip
    return f" ({', '.join(words)})" if words else ""

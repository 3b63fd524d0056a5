"""The quick yes of the validator: statements as nearly all are, an Agent who does something to an Activity, recognised without building a single path.

It only ever says that a statement is valid; False means "look closer", which `validation` does, with all rules and a sentence about what is wrong. A property test
holds it to that: whatever this accepts, the full validator accepts.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

Check = Callable[[str], Any]

_STATEMENT = frozenset({"id", "actor", "verb", "object", "result", "context", "timestamp", "version"})
_AGENT = frozenset({"objectType", "name", "mbox", "account"})
_DEFINITION = frozenset({"name", "description", "type", "moreInfo", "extensions"})
_RESULT = frozenset({"success", "completion", "response", "duration", "extensions", "score"})
_SCORE = frozenset({"scaled", "raw", "min", "max"})
_CONTEXT = frozenset({
    "registration",
    "platform",
    "language",
    "revision",
    "contextActivities",
    "extensions",
    "instructor",
})
_LISTS = frozenset({"parent", "grouping", "category", "other"})


def plain_checker(  # noqa: C901 - the hot path of every statement: nested functions and plain loops were measured, twice as fast
    iri: Check, language: Check, duration: Check, mbox: Check, uuid: Check, voided: str
) -> Callable[[dict[str, Any]], bool]:
    """The quick yes, with the validator's own (remembering) checks of single values."""

    def texts(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for tag, text in value.items():  # noqa: SIM110 - a generator costs more than the loop
            if type(text) is not str or not language(tag):
                return False
        return True

    def iris(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name in value:  # noqa: SIM110
            if not iri(name):
                return False
        return True

    def agent(value: Any) -> bool:
        if type(value) is not dict or not _AGENT.issuperset(value) or value.get("objectType", "Agent") != "Agent":
            return False
        if type(value.get("name", "")) is not str:
            return False
        account = value.get("account")
        if account is None:
            address = value.get("mbox")
            return type(address) is str and "account" not in value and bool(mbox(address))
        if "mbox" in value or type(account) is not dict or len(account) != 2:
            return False
        name, home = account.get("name"), account.get("homePage")
        return type(name) is str and name != "" and type(home) is str and bool(iri(home))

    def activity(value: Any) -> bool:
        if type(value) is not dict:
            return False
        told = value.get("id")
        if type(told) is not str or not iri(told):
            return False
        size = len(value)
        if size == 1:
            return True
        if "objectType" in value:
            if value["objectType"] != "Activity":
                return False
            size -= 1
        definition = value.get("definition")
        if definition is None:
            return size == 1
        if size != 2 or type(definition) is not dict or not _DEFINITION.issuperset(definition):
            return False
        for name, part in definition.items():
            if name == "type" or name == "moreInfo":
                if type(part) is not str or not iri(part):
                    return False
            elif name == "extensions":
                if not iris(part):
                    return False
            elif not texts(part):
                return False
        return True

    def context(value: Any) -> bool:  # noqa: C901 - one branch a property
        if type(value) is not dict or not _CONTEXT.issuperset(value):
            return False
        for name, part in value.items():
            if name == "contextActivities":
                if type(part) is not dict or not _LISTS.issuperset(part):
                    return False
                for listed in part.values():
                    if type(listed) is not list:
                        return False
                    for each in listed:
                        if not activity(each):
                            return False
            elif name == "extensions":
                if not iris(part):
                    return False
            elif name == "registration":
                if type(part) is not str or not uuid(part):
                    return False
            elif name == "instructor":
                if not agent(part):
                    return False
            elif type(part) is not str or (name == "language" and not language(part)):
                return False
        return True

    def result(value: Any) -> bool:
        if type(value) is not dict or not _RESULT.issuperset(value):
            return False
        for name, part in value.items():
            if name == "success" or name == "completion":
                if part is not True and part is not False:
                    return False
            elif name == "duration":
                if type(part) is not str or not duration(part):
                    return False
            elif name == "response":
                if type(part) is not str:
                    return False
            elif name == "extensions":
                if not iris(part):
                    return False
            elif not score(part):
                return False
        return True

    def score(value: Any) -> bool:
        if type(value) is not dict or not _SCORE.issuperset(value):
            return False
        for number in value.values():
            if type(number) is not int and (type(number) is not float or number - number != 0):
                return False
        low, high, raw = value.get("min"), value.get("max"), value.get("raw")
        if low is not None and high is not None and low >= high:
            return False
        if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
            return False
        return bool(-1 <= value.get("scaled", 0) <= 1)

    def moment(text: Any) -> bool:
        if (
            type(text) is not str
            or len(text) < 20
            or text[-1] != "Z"
            or not (text[4] == text[7] == "-" and text[10] == "T" and text[13] == text[16] == ":")
        ):
            return False
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return False
        return len(text) == 20 or (text[19] == "." and text[20:-1].isdecimal() and text.isascii())

    def plain(statement: dict[str, Any]) -> bool:
        if type(statement) is not dict or not _STATEMENT.issuperset(statement):
            return False
        verb = statement.get("verb")
        if type(verb) is not dict or not agent(statement.get("actor")) or not activity(statement.get("object")):
            return False
        told = verb.get("id")
        if type(told) is not str or told == voided or not iri(told):
            return False
        if len(verb) != 1 and (len(verb) != 2 or not texts(verb.get("display"))):
            return False
        if "id" in statement and (type(statement["id"]) is not str or not uuid(statement["id"])):
            return False
        if "version" in statement and statement["version"] != "1.0.3" and statement["version"] != "1.0.0":
            return False
        if "context" in statement and not context(statement["context"]):
            return False
        if "result" in statement and not result(statement["result"]):
            return False
        return "timestamp" not in statement or moment(statement["timestamp"])

    return plain

"""The quick yes of the validator: statements as nearly all are, an Agent who does something to an Activity, recognised without building a single path.

It only ever says that a statement is valid; False means "look closer", which `validation` does, with all rules and a sentence about what is wrong. A property test
holds it to that: whatever this accepts, the full validator accepts. Parts that were checked when they were shared are known by identity.
"""

import re
from collections.abc import Callable, Container
from datetime import date
from typing import Any

Check = Callable[[str], Any]

_STATEMENT = frozenset({"id", "actor", "verb", "object", "result", "context", "timestamp", "version"})
_AGENT = frozenset({"objectType", "name", "mbox", "account"})
_SCORE = frozenset({"scaled", "raw", "min", "max"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_CLOCK = re.compile(r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?Z").fullmatch
_MOST_DAYS = 10_000
_LISTS = frozenset({"parent", "grouping", "category", "other"})


def plain_checker(  # noqa: C901 - the hot path of every statement: nested functions and plain loops were measured, twice as fast
    iri: Check,
    ascii_iri: Check,
    language: Check,
    duration: Check,
    mbox: Check,
    uuid: Check,
    voided: str,
    *,
    known: set[str],
    agents: Container[int],
    verbs: Container[int],
    activities: Container[int],
) -> Callable[[Any], bool]:
    """The quick yes, with the validator's own (remembering) checks of single values.

    `known` are IRIs that `iri` accepted before. Ids of activities are looked at each time: there are so many that remembering them costs more
    than reading them. `agents`, `verbs` and `activities` (lists of them) are the `id()` of shared parts.
    """
    all_known = known.issuperset
    days: set[str] = set()

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
        if type(told) is not str or not (ascii_iri(told) or iri(told)):
            return False
        for name, part in value.items():
            if name == "objectType":
                if part != "Activity":
                    return False
            elif name == "definition":
                if not definition(part):
                    return False
            elif name != "id":
                return False
        return True

    def definition(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, part in value.items():
            if name == "type" or name == "moreInfo":
                if type(part) is not str or (part not in known and not iri(part)):
                    return False
            elif name == "name" or name == "description":
                if not texts(part):
                    return False
            elif name != "extensions" or not iris(part):
                return False
        return True

    def result(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, part in value.items():
            if name == "extensions":
                if type(part) is not dict or not (all_known(part) or iris(part)):
                    return False
            elif name == "success" or name == "completion":
                if part is not True and part is not False:
                    return False
            elif name == "duration":
                if type(part) is not str or not duration(part):
                    return False
            elif name == "response":
                if type(part) is not str:
                    return False
            elif name != "score" or not score(part):
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
        return type(text) is str and (text[:10] in days or day(text[:10])) and _CLOCK(text, 10) is not None

    def day(text: str) -> bool:
        if not _DAY(text):
            return False
        try:
            date.fromisoformat(text)
        except ValueError:
            return False
        if len(days) > _MOST_DAYS:
            days.clear()
        days.add(text)
        return True

    def plain(statement: Any) -> bool:  # noqa: C901 - one branch a property
        if type(statement) is not dict or not _STATEMENT.issuperset(statement):
            return False
        part = statement.get("actor")
        if id(part) not in agents and not agent(part):
            return False
        verb = statement.get("verb")
        if id(verb) not in verbs:
            if type(verb) is not dict:
                return False
            told = verb.get("id")
            if type(told) is not str or told == voided or not iri(told):
                return False
            if len(verb) != 1 and (len(verb) != 2 or not texts(verb.get("display"))):
                return False
        if not activity(statement.get("object")):
            return False
        told = statement.get("id", _MISSING)
        if told is not _MISSING and (type(told) is not str or not uuid(told)):
            return False
        told = statement.get("version", "1.0.3")
        if told != "1.0.3" and told != "1.0.0":
            return False
        told = statement.get("timestamp", _MISSING)
        if told is not _MISSING and not moment(told):
            return False
        part = statement.get("result", _MISSING)
        if part is not _MISSING and not result(part):
            return False
        context = statement.get("context", _MISSING)
        if context is _MISSING:
            return True
        if type(context) is not dict:
            return False
        for name, part in context.items():
            if name == "extensions":
                if type(part) is not dict or not (all_known(part) or iris(part)):
                    return False
            elif name == "contextActivities":
                if type(part) is not dict or not _LISTS.issuperset(part):
                    return False
                for listed in part.values():
                    if id(listed) not in activities:
                        if type(listed) is not list:
                            return False
                        for each in listed:
                            if not activity(each):
                                return False
            elif name == "registration":
                if type(part) is not str or not uuid(part):
                    return False
            elif name == "platform" or name == "revision":
                if type(part) is not str:
                    return False
            elif name == "language":
                if type(part) is not str or not language(part):
                    return False
            elif name != "instructor" or not (id(part) in agents or agent(part)):
                return False
        return True

    return plain


_MISSING: Any = object()

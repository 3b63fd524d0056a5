"""The quick yes of the validator: statements as nearly all are, an Agent who does something to an Activity, recognised without building a single path.

It comes in two forms: of a whole statement, and of the parts of one that `statement()` made, whose properties are the right ones, so that only their values
are looked at. It only ever says that a statement is valid; False means "look closer", which `validation` does, with all rules and a sentence about what is wrong. A property test
holds it to that: whatever this accepts, the full validator accepts. Parts that were checked when they were shared are known by their type.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any

import orjson
from orjson import Fragment

Check = Callable[[str], Any]


class _Shared(dict[str, Any]):
    """A part of many statements that was checked when it was shared, and `written`, as it stands in a line of JSON. Only `validation` makes one; what is copied of it is a dictionary like any other."""

    __slots__ = ("written",)

    def __init__(self, part: dict[str, Any]) -> None:
        self.update(part)
        self.written = Fragment(orjson.dumps(part))

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(dict(self), memo)


class Agent(_Shared):
    """An Agent; `who` is its account as the ids of statements name it, `""` where it has none."""

    __slots__ = ("who",)

    def __init__(self, agent: dict[str, Any]) -> None:
        super().__init__(agent)
        account = agent.get("account")
        self.who = f"{account['homePage']}\x1f{account['name']}" if account else ""


class Verb(_Shared):
    """A verb that does not void."""

    __slots__ = ()


class Place(_Shared):
    """A whole `contextActivities`."""

    __slots__ = ()


class Definition(_Shared):
    """The definition of an Activity."""

    __slots__ = ()


_AGENT = frozenset({"objectType", "name", "mbox", "account"})
_SCORE = frozenset({"scaled", "raw", "min", "max"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_MINUTE = re.compile(r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]").fullmatch
_SECONDS = re.compile(r":[0-5][0-9](?:\.[0-9]+)?Z").fullmatch
_MOST_DAYS = 10_000
_MOST_MINUTES = 10_000  # what happened is told in the order of time, near enough
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
) -> tuple[Callable[[Any], bool], Callable[..., bool], Callable[[Any], bool]]:
    """The quick yes to a statement, to the parts of one, and to an Agent, with the validator's own (remembering) checks of single values.

    `known` are IRIs that `iri` accepted before. Ids of activities are looked at each time: there are so many that remembering them costs more
    than reading them.
    """
    all_known = known.issuperset
    days: set[str] = set()
    minutes: set[str] = set()

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
        size = 1
        if "objectType" in value:
            if value["objectType"] != "Activity":
                return False
            size = 2
        told = value.get("definition")
        if told is not None:
            if type(told) is not Definition and not definition(told):
                return False
            size += 1
        return size == len(value)

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
        return type(text) is str and (text[:16] in minutes or minute(text[:16])) and _SECONDS(text, 16) is not None

    def minute(text: str) -> bool:
        if not day(text[:10]) or not _MINUTE(text, 10):
            return False
        if len(minutes) > _MOST_MINUTES:
            minutes.clear()
        minutes.add(text)
        return True

    def day(text: str) -> bool:
        if text in days:
            return True
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

    def activity_lists(value: Any) -> bool:
        if type(value) is not dict or not _LISTS.issuperset(value):
            return False
        for listed in value.values():
            if type(listed) is not list:
                return False
            for each in listed:
                if not activity(each):
                    return False
        return True

    def context(value: Any) -> bool:  # noqa: C901 - one branch a property
        if type(value) is not dict:
            return False
        size = 0
        part = value.get("contextActivities")
        if part is not None:
            if type(part) is not Place and not activity_lists(part):
                return False
            size = 1
        part = value.get("extensions")
        if part is not None:
            if type(part) is not dict or not (all_known(part) or iris(part)):
                return False
            size += 1
        part = value.get("platform")
        if part is not None:
            if type(part) is not str:
                return False
            size += 1
        part = value.get("registration")
        if part is not None:
            if type(part) is not str or not uuid(part):
                return False
            size += 1
        if size != len(value):
            for name in ("revision", "language", "instructor"):
                part = value.get(name)
                if part is not None:
                    if name == "instructor":
                        if type(part) is not Agent and not agent(part):
                            return False
                    elif type(part) is not str or (name == "language" and not language(part)):
                        return False
                    size += 1
        return size == len(value)

    def verb(value: Any) -> bool:
        if type(value) is not dict:
            return False
        told = value.get("id")
        if type(told) is not str or told == voided or not iri(told):
            return False
        return len(value) == 1 or (len(value) == 2 and texts(value.get("display")))

    def plain(statement: Any) -> bool:  # noqa: C901 - one branch a property
        if type(statement) is not dict:
            return False
        part = statement.get("actor")
        if type(part) is not Agent and not agent(part):
            return False
        part = statement.get("verb")
        if type(part) is not Verb and not verb(part):
            return False
        if not activity(statement.get("object")):
            return False
        size = 3  # of the properties that were looked at; another one, or one that is null, asks for a closer look
        part = statement.get("context")
        if part is not None:
            if not context(part):
                return False
            size = 4
        part = statement.get("timestamp")
        if part is not None:
            if not moment(part):
                return False
            size += 1
        part = statement.get("result")
        if part is not None:
            if not result(part):
                return False
            size += 1
        if size != len(statement):
            part = statement.get("id")
            if part is not None:
                if type(part) is not str or not uuid(part):
                    return False
                size += 1
            part = statement.get("version")
            if part is not None:
                if part != "1.0.3" and part != "1.0.0":
                    return False
                size += 1
        return size == len(statement)

    def plain_parts(
        actor: Any, verb_: Any, thing: Any, result_: Any, place: Any, extensions: Any, moment_: Any,
        registration: Any, instructor: Any, language_: Any,
    ) -> bool:  # fmt: skip
        is_typed = (  # as `activity()` makes them: of such a thing only the id is its own
            type(thing) is dict
            and len(thing) == 3
            and type(thing.get("definition")) is Definition
            and thing.get("objectType") == "Activity"
            and type(told := thing.get("id")) is str
            and ascii_iri(told)
        )
        return bool(
            (type(actor) is Agent or agent(actor))
            and (type(verb_) is Verb or verb(verb_))
            and (is_typed or activity(thing))
            and (result_ is None or result(result_))
            and (type(place) is Place or activity_lists(place))
            and type(extensions) is dict
            and (all_known(extensions) or iris(extensions))
            and type(moment_) is str
            and (moment_[:16] in minutes or minute(moment_[:16]))
            and _SECONDS(moment_, 16) is not None
            and (registration is None or (type(registration) is str and uuid(registration)))
            and (instructor is None or type(instructor) is Agent or agent(instructor))
            and (language_ is None or (type(language_) is str and language(language_)))
        )

    return plain, plain_parts, agent

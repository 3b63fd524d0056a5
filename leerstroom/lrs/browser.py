"""Pages for people: search statements by person, verb, activity and time, see one in full. Server-rendered, no script, behind the same credentials."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import terms, times
from leerstroom.lrs.access import Access, Credential, Scope
from leerstroom.lrs.erasure import identity_of
from leerstroom.lrs.requests import Refusal, Reply, identified, parse_parameters
from leerstroom.lrs.storage import Filter, Storage
from leerstroom.statements.validation import is_iri, is_uuid
from leerstroom.statements.vocabulary import canonical_type, canonical_verb, verb_aliases

_PAGE = 50
_FIELDS = ("person", "verb", "activity", "since", "until", "cursor", "related")
_PAGES = Path(__file__).parent / "pages"
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A statement in the list."""

    id: str
    stored: str
    person: str
    person_name: str
    verb: str
    verb_iri: str
    target: str
    target_iri: str
    kind: str


class Browser:
    """The pages of one store."""

    def __init__(self, storage: Storage, access: Access) -> None:
        self._storage, self._access = storage, access

    async def answer(self, method: str, path: str, headers: Mapping[str, str], query: bytes, root: str) -> Reply:
        """A page. Raises Refusal."""
        if path in {"/", ""}:
            return Reply(303, b"", "text/plain", {"Location": root + "/browse"})
        if path == "/browse/style.css":
            return Reply(
                200, (_PAGES / "style.css").read_bytes(), "text/css; charset=utf-8", {"Cache-Control": "max-age=3600"}
            )
        if path != "/browse" and not path.startswith("/browse/statements/"):
            raise Refusal(404, "there is nothing here; the endpoint is /xapi/, the pages for people are under /browse")
        if method not in {"GET", "HEAD"}:
            raise Refusal(405, "pages are read with GET")
        credential = await identified(self._access, headers.get("authorization"))
        if not credential.may(Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE):
            raise Refusal(403, "this credential may not read statements")
        if path == "/browse":
            status, page = await asyncio.to_thread(self._list, credential, parse_parameters(query), root)
        else:
            status, page = await asyncio.to_thread(self._statement, credential, path.rsplit("/", 1)[1], root)
        return Reply(status, page.encode(), "text/html; charset=utf-8", dict(_SAFE))

    # --- the list ----------------------------------------------------------------------------------------------------------------------

    def _list(self, credential: Credential, asked: dict[str, str], root: str) -> tuple[int, str]:
        asked = {name: value.strip() for name, value in asked.items() if name in _FIELDS and value.strip()}
        faults: list[str] = []
        query = self._filter(asked, faults)
        if not credential.may(Scope.STATEMENTS_READ):
            query = replace(query, authority=credential.authority.term)
        rows = self._storage.reader.find(query) if not faults else []
        older = ""
        if len(rows) > _PAGE:
            rows = rows[:_PAGE]
            older = f"{root}/browse?" + urlencode({**asked, "cursor": str(rows[-1][0])})
        lines = [_line(seq, orjson.loads(body)) for seq, body in rows]
        page = _template("list.html.j2").render(
            asked=asked, lines=lines, older=older, faults=faults, root=root, link=_linker(root, asked)
        )
        return (400 if faults else 200), page

    def _filter(self, asked: Mapping[str, str], faults: list[str]) -> Filter:
        agent = activity = verb = after = until = None
        related = asked.get("related") == "yes"
        if "person" in asked:
            person = asked["person"]
            try:
                identity = identity_of(
                    person
                    if "@" not in person or "|" in person or person.startswith("{")
                    else f"mbox|{person.removeprefix('mailto:')}"
                )
                agent = (terms.person(identity), tuple(terms.AGENT_ROLES) if related else (terms.AGENT,))
            except ConfigurationError:
                faults.append("Person: an e-mail address, account|HOMEPAGE|NAME, or an Agent as JSON.")
        if "verb" in asked:
            iri = asked["verb"] if is_iri(asked["verb"]) else _named_verbs().get(asked["verb"].lower())
            if iri is None:
                faults.append("Verb: an IRI, or a name of the vocabulary such as asked or completed.")
            else:
                verb = terms.verb(iri)
        if "activity" in asked:
            if is_iri(asked["activity"]):
                activity = (
                    terms.activity(asked["activity"]),
                    tuple(terms.ACTIVITY_ROLES) if related else (terms.ACTIVITY,),
                )
            else:
                faults.append("Activity: an IRI, as it stands in statements.")
        for name in ("since", "until"):
            if name in asked:
                try:
                    moment = times.microseconds(asked[name])
                except ValueError:
                    faults.append(
                        f"{name.capitalize()}: a date such as 2026-11-03, or a time in UTC such as 2026-11-03T09:00."
                    )
                    continue
                after, until = (moment, until) if name == "since" else (after, moment)
        if asked.get("cursor", "").isdigit():
            until = min(int(asked["cursor"][:18]) - 1, until if until is not None else 2**62)
        return Filter(agent=agent, activity=activity, verb=verb, after=after, until=until, limit=_PAGE + 1)

    # --- one in full ---------------------------------------------------------------------------------------------------------------------

    def _statement(self, credential: Credential, statement_id: str, root: str) -> tuple[int, str]:
        found, voided = None, False
        if is_uuid(statement_id):
            found = self._storage.reader.one(statement_id, voided=False)
            if found is None:
                found, voided = self._storage.reader.one(statement_id, voided=True), True
        statement = orjson.loads(found[1]) if found else None
        if statement is not None and not credential.may(Scope.STATEMENTS_READ):
            theirs = terms.agent_identity(statement["authority"])
            statement = statement if theirs is not None and terms.person(theirs) == credential.authority.term else None
        if found is None or statement is None:
            raise Refusal(404, "no such statement")
        text = orjson.dumps(statement, option=orjson.OPT_INDENT_2).decode()
        page = _template("statement.html.j2").render(
            line=_line(found[0], statement),
            text=text,
            voided=voided,
            root=root,
            link=_linker(root, {}),
            target=_pointed(statement),
        )
        return 200, page


def _line(seq: int, statement: Mapping[str, Any]) -> Line:
    actor, target = statement["actor"], statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        definition = target.get("definition", {})
        names = definition.get("name", {})
        shown = next(iter(names.values()), "") or target["id"]
        iri, kind = target["id"], canonical_type(definition["type"]) if "type" in definition else ""
    elif kind == "StatementRef":
        shown, iri = target["id"], ""
    else:
        shown, iri = terms.agent_identity(target) or kind, ""
    identity = terms.agent_identity(actor)
    return Line(
        id=statement["id"],
        stored=times.text(seq)[:19].replace("T", " "),
        person=identity or "",
        person_name=actor.get("name") or (identity or "group without a name").rsplit("|", 1)[-1],
        verb=canonical_verb(statement["verb"]["id"]),
        verb_iri=statement["verb"]["id"],
        target=shown,
        target_iri=iri,
        kind=kind,
    )


def _pointed(statement: Mapping[str, Any]) -> str:
    """Id of the statement that this one is about, if it is about one."""
    target = statement["object"]
    return str(target["id"]) if target.get("objectType") == "StatementRef" else ""


def _linker(root: str, asked: Mapping[str, str]) -> Any:
    """A function that makes the address of a narrower search, or of one statement."""

    def link(statement: str = "", **changes: str) -> str:
        if statement:
            return f"{root}/browse/statements/{quote(statement)}"
        return f"{root}/browse?" + urlencode({
            name: value for name, value in {**asked, **changes}.items() if name != "cursor"
        })

    return link


@cache
def _named_verbs() -> dict[str, str]:
    """Name -> IRI; the first IRI of a name is ours."""
    named: dict[str, str] = {}
    for iri, name in verb_aliases().items():
        named.setdefault(name, iri)
    return named


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> Any:
    return _environment().get_template(name)

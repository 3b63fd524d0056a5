"""The words of our statements: verbs, activity types and extensions of `schemas/vocabulary.yaml`, and the aliases of other producers.

`verbs.ASKED` and `types.CHAT_MESSAGE` are ready-made values for sources; `canonical_verb` and `canonical_type` read the
IRIs of any producer. An unknown IRI reads as its last path segment in lower case, so nothing is ever without a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from leerstroom.schemas import read_yaml
from leerstroom.statements.validation import shared_verb


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb that we write: canonical name, IRI, and the value that stands in a statement."""

    name: str
    iri: str
    display: Mapping[str, str]
    stated: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stated", shared_verb({"id": self.iri, "display": dict(self.display)}))

    def as_json(self) -> dict[str, Any]:
        """The statement's `verb`: id and display in English and Dutch. All statements share it, so nobody may change it."""
        return self.stated


@cache
def _vocabulary() -> Mapping[str, Any]:
    return MappingProxyType(read_yaml("vocabulary.yaml"))


def _identifier(name: str) -> str:
    return name.upper().replace("-", "_").replace(".", "_")


class _Words:
    """Entries as upper-case attributes (`ASKED`, `CHAT_MESSAGE`); a name that is not in the vocabulary is an AttributeError."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._by_name = entries
        self.__dict__.update({_identifier(name): value for name, value in entries.items()})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is not in schemas/vocabulary.yaml")

    def __getitem__(self, name: str) -> Any:
        return self._by_name[name]

    def __iter__(self) -> Any:
        return iter(self._by_name)


PROFILE: str = _vocabulary()["profile"]
CATEGORY: list[dict[str, Any]] = [{"objectType": "Activity", "id": PROFILE}]  # of every statement of ours
EXTENSION_BASE: str = _vocabulary()["extension_base"]

verbs = _Words({
    name: Verb(name, entry["iri"], {"en": name.replace("-", " "), "nl": entry["nl"]})
    for name, entry in _vocabulary()["verbs"].items()
})
types = _Words({name: entry["iri"] for name, entry in _vocabulary()["activity_types"].items()})


EXTENSIONS: Mapping[str, str] = {
    name: entry.get("iri", EXTENSION_BASE + name) for name, entry in _vocabulary()["extensions"].items()
}  # the extensions that we write: short name -> IRI


def extension(name: str) -> str:
    """The IRI of one of the context extensions that we write. Raises KeyError for a name that is not in the vocabulary."""
    return EXTENSIONS[name]


@cache
def verb_aliases() -> Mapping[str, str]:
    """IRI of any producer -> canonical verb name."""
    return _aliases("verbs")


@cache
def type_aliases() -> Mapping[str, str]:
    """IRI of any producer -> canonical activity type name."""
    return _aliases("activity_types")


@cache
def extension_iris(name: str) -> tuple[str, ...]:
    """All IRIs that carry the meaning of extension `name`, the one that we write first."""
    return (extension(name), *_vocabulary()["extensions"][name].get("aliases", ()))


def canonical_verb(iri: str) -> str:
    """Canonical name of a verb IRI; an unknown one reads as its last path segment."""
    return verb_aliases().get(iri) or _last_segment(iri)


def canonical_type(iri: str) -> str:
    """Canonical name of an activity type IRI; an unknown one reads as its last path segment."""
    return type_aliases().get(iri) or _last_segment(iri)


def _aliases(section: str) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for name, entry in _vocabulary()[section].items():
        for iri in (entry["iri"], *entry.get("aliases", ())):
            if names.setdefault(iri, name) != name:
                raise ValueError(f"schemas/vocabulary.yaml gives {iri} to both {names[iri]} and {name}")
    return MappingProxyType(names)


def _last_segment(iri: str) -> str:
    return iri.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1].lower()

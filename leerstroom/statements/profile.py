"""Our xAPI profile as JSON-LD (ADL xAPI Profiles 1.0.3), made out of the vocabulary: `schemas/profile.jsonld`, written by `make docs`.

It documents every word that we write. Words that others registered keep their IRI, as in ADL's own profiles of cmi5 and SCORM; what is the same
elsewhere stands beside them as `exactMatch`. The templates say what a statement of ours holds: any, and those with certain verbs.
"""

from typing import Any, Final

import orjson

from leerstroom.schemas import folder, read_yaml
from leerstroom.statements.vocabulary import EXTENSION_BASE, PROFILE

GENERATED = "2026-11-24T00:00:00Z"  # of this version of the profile; a new version gets a new one
_VERSION = f"{PROFILE}/v1"

_PARENT: Final = {"location": "$.context.contextActivities.parent[*].id", "presence": "included"}
_LENGTH: Final = {"location": "$.result.duration", "presence": "recommended"}
_SCORE: Final = {"location": "$.result.score", "presence": "recommended"}
_DUE: Final = {"location": f"$.context.extensions['{EXTENSION_BASE}due']", "presence": "recommended"}
_OF_VERBS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "answered": ("an answer names the question as its parent", _PARENT),
    "answered-poll": ("an answer to a poll names the poll as its parent", _PARENT),
    "replied": ("a reply names the message as its parent", _PARENT),
    "attended": ("attendance says how long; its timestamp is the end", _LENGTH),
    "watched": ("watching says how long; its timestamp is the end", _LENGTH),
    "scored": ("a grade says which", _SCORE),
    "passed": ("a test that was passed says how well", _SCORE),
    "failed": ("a test that was failed says how badly", _SCORE),
    "was-assigned": ("an assignment says until when", _DUE),
}
"""Verb -> what a statement with it holds beside what any statement of ours does."""


def profile() -> dict[str, Any]:
    """The profile as a JSON-LD document."""
    vocabulary = read_yaml("vocabulary.yaml")
    concepts: list[dict[str, Any]] = []
    for section, kind in (("verbs", "Verb"), ("activity_types", "ActivityType")):
        for name, entry in vocabulary[section].items():
            label = {"en": name.replace("-", " ")} | ({"nl": entry["nl"]} if "nl" in entry else {})
            same = {"exactMatch": entry["aliases"]} if "aliases" in entry else {}
            concepts.append({
                "id": entry["iri"],
                "type": kind,
                "inScheme": _VERSION,
                "prefLabel": label,
                "definition": label,
                **same,
            })
    for name, entry in vocabulary["extensions"].items():
        if "iri" in entry:
            continue
        schema: dict[str, Any] = {"enum": entry["values"]} if "values" in entry else {}
        concepts.append({
            "id": EXTENSION_BASE + name,
            "type": "ContextExtension",
            "inScheme": _VERSION,
            "prefLabel": {"en": name.replace("-", " ")},
            "definition": {"en": entry["en"]},
            "inlineSchema": orjson.dumps(schema).decode(),
        })
    return {
        "@context": "https://w3id.org/xapi/profiles/context",
        "id": PROFILE,
        "type": "Profile",
        "conformsTo": "https://w3id.org/xapi/profiles#1.0",
        "prefLabel": {"en": "Leerstroom", "nl": "Leerstroom"},
        "definition": {
            "en": "Learning of employees on LMS, webinar, chat and social platforms and face to face.",
            "nl": "Leren van medewerkers in leeromgevingen, webinars, chat en sociale media, en van mens tot mens.",
        },
        "author": {"type": "Organization", "name": "Leerstroom"},
        "versions": [{"id": _VERSION, "generatedAtTime": GENERATED}],
        "concepts": concepts,
        "templates": [
            _template(
                "any",
                "every statement of ours names its platform, the kind of it, and the record that it was made of",
                {"location": "$.context.platform", "presence": "included"},
                {"location": f"$.context.extensions['{EXTENSION_BASE}source-kind']", "presence": "included"},
                {"location": f"$.context.extensions['{EXTENSION_BASE}record']", "presence": "included"},
                {"location": "$.context.contextActivities.category[*].id", "presence": "included", "any": [PROFILE]},
                {"location": "$.actor.account.name", "presence": "included"},
                {"location": "$.timestamp", "presence": "included"},
            ),
            *(
                _template(name, text, rule, verb=vocabulary["verbs"][name]["iri"])
                for name, (text, rule) in _OF_VERBS.items()
            ),
        ],
        "patterns": [],
    }


def _template(name: str, text: str, *rules: dict[str, Any], **determining: str) -> dict[str, Any]:
    return {
        "id": f"{PROFILE}/templates/{name}",
        "type": "StatementTemplate",
        "inScheme": _VERSION,
        "prefLabel": {"en": name.replace("-", " ")},
        "definition": {"en": text},
        **determining,
        "rules": list(rules),
    }


def serialised_profile() -> bytes:
    """The document as it stands in `schemas/profile.jsonld`."""
    return orjson.dumps(profile(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def main() -> None:
    """Writes `schemas/profile.jsonld`."""
    (folder() / "profile.jsonld").write_bytes(serialised_profile())


if __name__ == "__main__":
    main()

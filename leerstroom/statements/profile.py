"""Our xAPI profile as JSON-LD (ADL xAPI Profiles 1.0.3), made out of the vocabulary: `schemas/profile.jsonld`, written by `make docs`.

Words that others registered stay theirs; the profile defines only our own verbs, activity types and context extensions.
"""

from typing import Any

import orjson

from leerstroom.schemas import folder, read_yaml
from leerstroom.statements.vocabulary import EXTENSION_BASE, PROFILE

GENERATED = "2026-11-24T00:00:00Z"  # of this version of the profile; a new version gets a new one


def profile() -> dict[str, Any]:
    """The profile as a JSON-LD document."""
    vocabulary = read_yaml("vocabulary.yaml")
    version = f"{PROFILE}/v1"
    concepts: list[dict[str, Any]] = []
    for section, kind in (("verbs", "Verb"), ("activity_types", "ActivityType")):
        for name, entry in vocabulary[section].items():
            if entry["iri"].startswith(PROFILE):
                label = {"en": name.replace("-", " ")} | ({"nl": entry["nl"]} if "nl" in entry else {})
                concepts.append({
                    "id": entry["iri"],
                    "type": kind,
                    "inScheme": version,
                    "prefLabel": label,
                    "definition": label,
                })
    for name, entry in vocabulary["extensions"].items():
        schema: dict[str, Any] = {"enum": entry["values"]} if "values" in entry else {}
        concepts.append({
            "id": EXTENSION_BASE + name,
            "type": "ContextExtension",
            "inScheme": version,
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
        "versions": [{"id": version, "generatedAtTime": GENERATED}],
        "concepts": concepts,
        "templates": [
            {
                "id": f"{PROFILE}/templates/any",
                "type": "StatementTemplate",
                "inScheme": version,
                "prefLabel": {"en": "every statement of ours"},
                "definition": {"en": "names its platform, the kind of it, and the record that it was made of"},
                "rules": [
                    {"location": "$.context.platform", "presence": "included"},
                    {"location": f"$.context.extensions['{EXTENSION_BASE}source-kind']", "presence": "included"},
                    {"location": f"$.context.extensions['{EXTENSION_BASE}record']", "presence": "included"},
                    {"location": "$.context.contextActivities.category[*].id", "any": [PROFILE]},
                    {"location": "$.actor.account.name", "presence": "included"},
                    {"location": "$.timestamp", "presence": "included"},
                ],
            }
        ],
        "patterns": [],
    }


def serialised_profile() -> bytes:
    """The document as it stands in `schemas/profile.jsonld`."""
    return orjson.dumps(profile(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def main() -> None:
    """Writes `schemas/profile.jsonld`."""
    (folder() / "profile.jsonld").write_bytes(serialised_profile())


if __name__ == "__main__":
    main()

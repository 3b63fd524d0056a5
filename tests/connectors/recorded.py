"""Every payload that we have of a source: of its pairs, and of its recorded answers."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from source_contract import RECORDINGS

from connectors.source import Source

_MOST_LINES = 40  # of one recording; the rest is more of the same


def payloads(source: type[Source]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """(name, fields of the connection, payload); names of pairs hold no colon."""
    folder, fields = RECORDINGS / source.name, dict[str, Any]()
    for path in sorted((folder / "pairs").glob("*.json")):
        pair = json.loads(path.read_text(encoding="utf-8"))
        fields = pair["connection"]
        yield path.stem, fields, pair["payload"]
    for path in sorted(folder.glob("*.json*")):
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate((text.splitlines() if path.suffix == ".jsonl" else [text])[:_MOST_LINES]):
            with suppress(json.JSONDecodeError):  # some lines are none on purpose
                yield f"{path.name}:{number}", fields, json.loads(line)

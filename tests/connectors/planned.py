"""A batch through the facts as a night takes it, for tests that hold statements and not their JSON."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from leerstroom.revisions import Revisions, stated, with_id


class Planned(NamedTuple):
    """Statements to send, their ids final; (id, time) of what to void; how many were superseded."""

    send: list[dict[str, Any]]
    void: list[tuple[str, str]]
    superseded: int


def planned(revisions: Revisions, statements: Iterable[Any], as_of: str) -> Planned:
    """What the facts decide about the statements, written down as a load does."""
    lines = [orjson.dumps(each) for each in statements]
    decided = revisions.decide([stated(line) for line in lines], as_of)
    send = [orjson.loads(with_id(lines[place], statement_id)) for place, statement_id in decided.send]
    return Planned(send, decided.void, decided.superseded)

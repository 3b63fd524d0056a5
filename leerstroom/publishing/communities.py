"""What communities are called: the names that statements give to the course, room or forum they are grouped under."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

_LONGEST = 24  # letters of an id that can still be read


def community_names(mirror: str) -> dict[str, str]:
    """Community id -> its name in the newest statement that has one, from the mirror's folder or address. No mirror, no names."""
    import duckdb

    pattern = f"{mirror.rstrip('/')}/*/*.parquet"
    with duckdb.connect(config={"memory_limit": "500MB"}) as connection:
        if "://" in mirror:
            import fsspec

            connection.register_filesystem(fsspec.filesystem(mirror.split("://", 1)[0]))
        try:
            newest = connection.execute(
                """
                WITH newest AS (SELECT arg_max(statement_id, stored) AS statement_id FROM read_parquet($pattern)
                                WHERE grouping_id IS NOT NULL GROUP BY grouping_id)
                SELECT grouping_id, raw FROM read_parquet($pattern) SEMI JOIN newest USING (statement_id)""",
                {"pattern": pattern},
            ).fetchall()
        except duckdb.IOException:
            return {}
    named = ((community, _name(raw, community)) for community, raw in newest)
    return {community: name for community, name in sorted(named) if name}


def _name(raw: bytes, community: str) -> str:
    context: Mapping[str, Any] = orjson.loads(raw).get("context", {})
    for activity in context.get("contextActivities", {}).get("grouping", []):
        names = activity.get("definition", {}).get("name", {})
        if activity.get("id") == community and names:
            return str(
                next(
                    (names[language] for language in ("nl", "nl-NL", "en", "en-US", "und") if language in names),
                    next(iter(names.values())),
                )
            )
    return ""


def short_name(subject: str) -> str:
    """An id as something to read: `course 3` of `…/course/view.php?id=3`, a room without its server, the beginning of a long key."""
    parts = urlsplit(subject)
    steps = [unquote(step) for step in parts.path.split("/") if step]
    number = parse_qs(parts.query).get("id", [""])[0]
    if number and len(steps) > 1:
        return f"{steps[-2]} {number}"
    last = (steps[-1] if steps else subject).lstrip("!#").split(":", 1)[0]
    return f"{last[:8]}…" if len(last) > _LONGEST else last or subject

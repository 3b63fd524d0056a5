"""The ledger as a page of Airflow: the last nights, coverage a day and kind of source, and why records are in quarantine. Counts only, no person.

Closed unless opened: every route asks who the user is, and whether Airflow lets that user see runs of `learning_nightly`. The real app is built at
the first request, so that a worker that loads the plugin pays nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from leerstroom_airflow.run_notes import DAG_ID

COVERED_DAYS = 28
NIGHTS = 20
_STAGES = ("pull", "map", "load")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """ASGI entry of the plugin."""
    await _app()(scope, receive, send)


@cache
def _app() -> Any:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
    from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import HTMLResponse

    def may_see_runs(user: GetUserDep) -> None:
        if not get_auth_manager().is_authorized_dag(
            method="GET", access_entity=DagAccessEntity.RUN, details=DagDetails(id=DAG_ID), user=user
        ):
            raise HTTPException(403, "you may not see the runs of this Dag")

    pages = FastAPI(
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS)), Depends(may_see_runs)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # these three would not ask who the user is
    )

    @pages.get("/", response_class=HTMLResponse)
    def ledger() -> HTMLResponse:
        return HTMLResponse(
            page(),
            headers={
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                "Cache-Control": "no-store",
            },
        )

    return pages


# --- what is shown ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """One connection in one night; counts by stage, `state` the worst of its stages."""

    connection: str
    source: str
    state: str = "done"
    stages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: int = 0


@dataclass(slots=True)
class NightShown:
    """One run."""

    run_id: str
    at: str
    window: str
    lines: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """How it ended: complete, partial, or out of balance."""
        if self.faults:
            return "out of balance"
        return "complete" if all(line.state == "done" for line in self.lines) else "partial"


def nights_shown(entries: list[Any], zone: str, limit: int = NIGHTS) -> list[NightShown]:
    """The newest runs first, out of ledger entries (oldest first)."""
    from zoneinfo import ZoneInfo

    from leerstroom.ledger import imbalances

    found: dict[str, NightShown] = {}
    lines: dict[tuple[str, str], Line] = {}
    for entry in entries:
        night = found.setdefault(entry.run_id, NightShown(entry.run_id, f"{entry.at:%Y-%m-%d %H:%M} UTC", ""))
        if entry.window_start and entry.window_end:
            first, last = (
                moment.astimezone(ZoneInfo(zone)).date()
                for moment in (entry.window_start, entry.window_end - timedelta(microseconds=1))
            )
            night.window = f"{first}" if first == last else f"{first} – {last}"
        if (entry.run_id, entry.connection) not in lines:
            lines[entry.run_id, entry.connection] = Line(entry.connection, entry.source)
            night.lines.append(lines[entry.run_id, entry.connection])
        line = lines[entry.run_id, entry.connection]
        line.stages[entry.stage] = entry.counts
        line.seconds += entry.seconds
        if entry.state != "done":
            line.state = f"{entry.stage} {entry.state}"
        night.faults += imbalances(entry)
    return list(reversed(found.values()))[:limit]


def quarantine_reasons(nights: list[NightShown]) -> list[tuple[str, str, int]]:
    """(connection, reason, records) of the shown nights, the most first."""
    total: Counter[tuple[str, str]] = Counter()
    for night in nights:
        for line in night.lines:
            reasons = line.stages.get("map", {}).get("quarantined", {})
            if isinstance(reasons, Mapping):
                for reason, number in reasons.items():
                    total[line.connection, reason] += number
    return [(connection, reason, number) for (connection, reason), number in total.most_common(50)]


def covered(
    rows: list[tuple[date, str, str]], days: int = COVERED_DAYS
) -> tuple[list[date], dict[str, dict[date, str]]]:
    """The last days that any source covers, and kind -> day -> status."""
    if not rows:
        return [], {}
    newest = max(day for day, _, _ in rows)
    shown = [newest - timedelta(days=back) for back in reversed(range(days))]
    kinds: dict[str, dict[date, str]] = {}
    for day, kind, status in rows:
        if day >= shown[0]:
            kinds.setdefault(kind, {})[day] = status
    return shown, dict(sorted(kinds.items()))


def total(value: Any) -> Any:
    """A count, or the sum of counts by reason."""
    return sum(value.values()) if isinstance(value, Mapping) else value


def page() -> str:
    """The page. A fault of the settings is shown instead of the ledger, as one sentence."""
    from jinja2 import Environment, FileSystemLoader

    from leerstroom import ledger
    from leerstroom.errors import LeerstroomError
    from leerstroom.settings import Settings
    from leerstroom.state import open_state

    values: dict[str, Any] = {"fault": None, "nights": [], "reasons": [], "days": [], "kinds": {}, "stages": _STAGES}
    try:
        configured = Settings.load()
        engine = open_state(configured.state_url)
        values["nights"] = nights_shown(ledger.entries(engine), configured.organisation.time_zone)
        values["reasons"] = quarantine_reasons(values["nights"])
        values["days"], values["kinds"] = covered(ledger.coverage(engine))
        values["organisation"] = configured.organisation.name
    except LeerstroomError as error:
        values["fault"] = str(error)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
    templates.filters["total"] = total
    return templates.get_template("ledger.html").render(values)

"""The ledger as a page of Airflow: the last nights, coverage a day and kind of source, why records are in quarantine and a button to try them again.

Counts only, no person.

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
from urllib.parse import quote

from leerstroom_airflow.run_notes import DAG_ID

QUARANTINE_DAG_ID = "learning_quarantine"
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
    from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
    from airflow.models.dag import DagModel
    from fastapi import Depends, FastAPI, HTTPException, Request
    from fastapi.responses import HTMLResponse, RedirectResponse

    may_see_runs = requires_access_dag("GET", DagAccessEntity.RUN, DAG_ID)
    may_trigger = requires_access_dag("POST", DagAccessEntity.RUN, QUARANTINE_DAG_ID)

    def may_replay(user: GetUserDep) -> bool:
        """Whether the page shows its buttons; what they do asks again."""
        details = DagDetails(id=QUARANTINE_DAG_ID, team_name=DagModel.get_team_name(QUARANTINE_DAG_ID))
        return bool(
            get_auth_manager().is_authorized_dag(
                method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
            )
        )

    pages = FastAPI(
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS)), Depends(may_see_runs)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # these three would not ask who the user is
    )

    @pages.get("/", response_class=HTMLResponse)
    def ledger(user: GetUserDep, request: Request) -> HTMLResponse:
        return HTMLResponse(
            page(may_replay=may_replay(user), asked=request.query_params.get("again", "")),
            headers={
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
                "Cache-Control": "no-store",
            },
        )

    @pages.post("/quarantine/{connection}", dependencies=[Depends(may_trigger)])
    def replay(connection: str, user: GetUserDep, request: Request) -> RedirectResponse:
        """Triggers the Dag that tries a connection's quarantine again; only from this very page."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise HTTPException(403, "another site sent this; use the page's own button")
        trigger_replay(connection, user.get_name())
        return RedirectResponse(f"../?again={quote(connection, safe='')}", 303)

    return pages


def trigger_replay(connection: str, user: str) -> None:
    """Starts a run of `learning_quarantine` for one connection, in the name of a user."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.utils.types import DagRunTriggeredByType

    trigger_dag(
        QUARANTINE_DAG_ID,
        triggered_by=DagRunTriggeredByType.UI,
        triggering_user_name=user,
        conf={"connection": connection},
    )


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
        """How it ended: complete, partial or out of balance; without a publication it has not come to its end, or was never meant to."""
        if self.faults:
            return "out of balance"
        if any(line.state != "done" for line in self.lines):
            return "partial"
        return "complete" if any("publish" in line.stages for line in self.lines) else "not published yet"


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


def quarantine_reasons(store: Any) -> dict[str, list[tuple[str, int]]]:
    """Connection -> (reason, records) of all that is held now, the most first."""
    from leerstroom.quarantine import held

    total: dict[str, Counter[str]] = {}
    for window in held(store):
        for (_, reason), number in window.reasons.items():
            total.setdefault(window.connection, Counter())[reason] += number
    return {connection: reasons.most_common(50) for connection, reasons in sorted(total.items())}


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


def page(*, may_replay: bool = False, asked: str = "") -> str:
    """The page; `asked` is a connection whose quarantine was just sent again. A fault of the settings is shown as one sentence."""
    from jinja2 import Environment, FileSystemLoader

    from leerstroom import ledger
    from leerstroom.errors import LeerstroomError
    from leerstroom.landing import Store
    from leerstroom.settings import Settings
    from leerstroom.state import open_state

    values: dict[str, Any] = {"fault": None, "nights": [], "reasons": {}, "days": [], "kinds": {}, "stages": _STAGES}
    values |= {"may_replay": may_replay, "asked": asked}
    try:
        configured = Settings.load()
        engine = open_state(configured.state_url)
        values["nights"] = nights_shown(ledger.entries(engine), configured.organisation.time_zone)
        values["reasons"] = quarantine_reasons(Store(configured.data))
        values["days"], values["kinds"] = covered(ledger.coverage(engine))
        values["organisation"] = configured.organisation.name
    except LeerstroomError as error:
        values["fault"] = str(error)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
    templates.filters["total"] = total
    return templates.get_template("ledger.html").render(values)

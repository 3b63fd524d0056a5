"""The app: every platform found under a root below its own path, and `/_control` for faults, limits and time."""

import importlib
import importlib.util
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from leerstroom.errors import ConfigurationError
from leerstroom.replay.faults import Fault, Faults, Turnstile
from leerstroom.replay.world import Platform, World


def create_app(
    root: Path,
    *,
    faults: Iterable[Fault] | None = None,
    clock: datetime | World | None = None,
    limits: Mapping[str, float] | None = None,
    only: Collection[str] | None = None,
    platforms: Mapping[str, Callable[[Path, World], Platform]] | None = None,
) -> Starlette:
    """The platforms whose recordings lie in folders of `root`, or in those named by `only`.

    `clock` is the simulated time, `limits` are requests a minute by platform, `platforms` serve folders that no module here knows.
    Raises ConfigurationError when no folder of `root` belongs to a platform that can be replayed.
    """
    world = clock if isinstance(clock, World) else World(clock)
    state = Faults(list(faults or ()), dict(limits or {}))
    folders = [folder for folder in sorted(root.iterdir()) if only is None or folder.name in only]
    found = {folder.name: serve for folder in folders if (serve := (platforms or {}).get(folder.name) or _of(folder))}
    if not found:
        raise ConfigurationError(
            f"{root} holds no folder of a platform that can be replayed, such as {root / 'matrix'}"
        )
    mounts = []
    for name, serve in found.items():
        platform = serve(root / name, world)
        mounts.append(Mount(f"/{name}", Turnstile(Router(list(platform.routes)), name, platform, state)))
    app = Starlette(
        routes=[Route("/_control", _Control(state, world, tuple(found)), methods=["GET", "PUT", "DELETE"]), *mounts]
    )
    app.state.faults, app.state.world, app.state.platforms = state, world, tuple(found)
    return app


def _of(folder: Path) -> Callable[[Path, World], Platform] | None:
    name = f"{__package__}.{folder.name}"
    if not folder.is_dir() or not folder.name.isidentifier() or importlib.util.find_spec(name) is None:
        return None
    serve: Callable[[Path, World], Platform] | None = getattr(importlib.import_module(name), "platform", None)
    return serve if callable(serve) else None


class _Control:
    """`GET` tells platforms, time, waiting faults and what was asked; `PUT` sets `faults`, `limits`, `until`; `DELETE` clears all."""

    def __init__(self, state: Faults, world: World, platforms: tuple[str, ...]) -> None:
        self._state = state
        self._world = world
        self._platforms = platforms

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except (ConfigurationError, ValueError, TypeError, AttributeError) as error:
            response = JSONResponse({"error": f"{error}"}, 400)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._state.waiting.clear()
            self._state.limits.clear()
            self._state.asked.clear()
            self._world.until = None
        elif request.method == "PUT":
            wanted = await request.json()
            if "faults" in wanted:
                self._state.waiting[:] = [Fault.read(each) for each in wanted["faults"]]
            if "limits" in wanted:
                self._state.limits = {str(name): float(value) for name, value in wanted["limits"].items()}
            if "until" in wanted:
                self._world.until = _moment(wanted["until"])
        return JSONResponse({
            "platforms": self._platforms,
            "now": self._world.now().isoformat(),
            "faults": [fault.as_json() for fault in self._state.waiting if fault.times > 0],
            "limits": self._state.limits,
            "asked": [{"platform": name, "method": method, "path": path} for name, method, path in self._state.asked],
        })


def _moment(text: Any) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ConfigurationError("until needs a zone, like 2026-11-03T02:00:00+01:00")
    return moment

"""What a platform module gets and gives: the simulated world, and how the vendor answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute


@dataclass(slots=True)
class World:
    """What all platforms share: the simulated time. `until` None means the time of the machine."""

    until: datetime | None = None

    def now(self) -> datetime:
        """The simulated time, aware; facts after it do not exist yet."""
        return self.until or datetime.now(UTC)

    def is_past(self, moment: datetime) -> bool:
        """Whether a fact of `moment` exists already."""
        return moment <= self.now()


def _unauthorized() -> Response:
    return JSONResponse({"code": 401, "message": "Unauthorized"}, 401)


def _forbidden() -> Response:
    return JSONResponse({"code": 403, "message": "Forbidden"}, 403)


def _too_many(retry_after_s: float) -> Response:
    return JSONResponse({"code": 429, "message": "Too many requests"}, 429, {"Retry-After": f"{retry_after_s:.0f}"})


@dataclass(frozen=True, slots=True)
class Platform:
    """One served platform: its routes, and how this vendor refuses. `quota_spent` is None where there is no daily quota."""

    routes: Sequence[BaseRoute]
    unauthorized: Callable[[], Response] = _unauthorized
    forbidden: Callable[[], Response] = _forbidden
    too_many: Callable[[float], Response] = _too_many
    quota_spent: Callable[[], Response] | None = None

"""The embedded learning record store: xAPI 1.0.3 and 2.0.0 over HTTP on one SQLite file or on PostgreSQL, made to be trusted: a 200 means on disk.

`serve` runs it, `running` runs it for the length of a block, `create_app` gives the ASGI app. A room a resource: `statements` `state` `agent_profiles`
`activity_profiles` `activities` `agents` `about`; beside them `attachments` `signatures` `formats` `terms` (what statements are found by) `comparing` (is it the
same statement), `access` (credentials), `requests` and `app` (HTTP), `storage`, `browser`, `health`, `erasure`, `server`, `cli`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leerstroom.lrs.app import create_app
    from leerstroom.lrs.requests import Limits
    from leerstroom.lrs.server import Running, running, serve

__all__ = ["Limits", "Running", "create_app", "running", "serve"]

_ROOMS = {"create_app": "app", "Limits": "requests", "Running": "server", "running": "server", "serve": "server"}


def __getattr__(name: str) -> Any:
    """The names above, when they are asked for: the app is half a second to import, and most commands of the command line do without."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)

"""The LRS connector: load, query, mirror and sync with any learning record store that speaks xAPI.

`Lrs` is a `tincan.RemoteLRS` over one pooled session. What the LRSs of this world do differently, and how each case is handled, stands in
docs/lrs-connector.md; each has a test of its name. Names are imported when they are used, so that the command line starts without them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.lrs.client import Lrs
    from connectors.lrs.mirroring import MirrorReport, mirror
    from connectors.lrs.report import LoadReport, Rejection
    from connectors.lrs.syncing import sync
    from connectors.lrs.transport import ClientCredentials

_HOMES = {
    "ClientCredentials": "transport",
    "LoadReport": "report",
    "Lrs": "client",
    "MirrorReport": "mirroring",
    "Rejection": "report",
    "mirror": "mirroring",
    "sync": "syncing",
}

__all__ = ["ClientCredentials", "LoadReport", "Lrs", "MirrorReport", "Rejection", "mirror", "sync"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'connectors.lrs' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"connectors.lrs.{_HOMES[name]}"), name)

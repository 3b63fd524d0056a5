"""The LRS connector: load, query, mirror and sync with any learning record store that speaks xAPI.

`Lrs` is a `tincan.RemoteLRS` over one pooled session. What the LRSs of this world do differently, and how each case is handled, stands in
docs/lrs-connector.md; each has a test of its name.
"""

from connectors.lrs.client import Lrs
from connectors.lrs.mirroring import MirrorReport, mirror
from connectors.lrs.report import LoadReport, Rejection
from connectors.lrs.transport import ClientCredentials

__all__ = ["ClientCredentials", "LoadReport", "Lrs", "MirrorReport", "Rejection", "mirror"]

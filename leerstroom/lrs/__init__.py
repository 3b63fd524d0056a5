"""The embedded learning record store: xAPI over HTTP on one SQLite file, made to be trusted: a 200 means on disk.

`serve` runs it, `running` runs it for the length of a block (demo, tests). Rooms: `storage` (the file), `terms` (what statements are found by), `comparing` (is it the
same statement), `statements` (the resource), `formats`, `access` (credentials), `app` (the ASGI app), `server`, `cli`.
"""

from leerstroom.lrs.server import Running, running, serve

__all__ = ["Running", "running", "serve"]

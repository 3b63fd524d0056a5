"""Recorded exchanges served as the platforms' own APIs: paging, cursors, limits, wrong tokens, faults, and a clock.

```
create_app(root)            Starlette app; each folder of `root` that a platform module here knows is served below /<folder>
running(root, port=0)       the same in a thread: `with running(root) as server: ... server.url`
serve(root, host, port)     the same for the command line, until it is interrupted
```
A platform is one module: `matrix.py` holds `def platform(folder: Path, world: World) -> Platform`. It keeps state (cursors, tokens), answers as the vendor
does, and asks `world.now()` before it shows a fact, so what lies after the simulated time does not exist yet. Limits and faults are the framework's.
"""

from leerstroom.replay.app import create_app
from leerstroom.replay.faults import Fault
from leerstroom.replay.running import Running, running, serve
from leerstroom.replay.world import Platform, World

__all__ = ["Fault", "Platform", "Running", "World", "create_app", "running", "serve"]

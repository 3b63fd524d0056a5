"""Serves HR's folder of the demo on loopback: `python -m leerstroom_airflow.report_server FOLDER PORT`. For the demo only; it asks nobody who they are."""

import sys
from pathlib import Path


def main() -> None:
    """Serves until it is told to stop; `/` leads to the newest report."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    folder, port = Path(sys.argv[1]), int(sys.argv[2])

    def newest(request: Request) -> Response:
        reports = sorted(folder.rglob("*.html"), key=lambda path: path.stat().st_mtime)
        if not reports:
            return PlainTextResponse("There is no report yet; run a night first.", 404)
        return RedirectResponse(f"/files/{reports[-1].relative_to(folder).as_posix()}")

    app = Starlette(routes=[Route("/", newest), Mount("/files", StaticFiles(directory=folder, check_dir=False))])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()

"""What every page of ours is made with: the templates, the style sheet in its colours, and putting a whole file in place at once."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from leerstroom.publishing import palette


def replace(path: Path, text: str, mode: int = 0o666) -> None:
    """Puts a whole file in place at once, so nobody opens half a page, and with its rights from the first byte on."""
    beside = path.with_suffix(".part")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:  # a write tells no name
        beside.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error
    beside.replace(path)


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("leerstroom.publishing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup  # our own drawings; their words are escaped where they are drawn
    return environment


def template(name: str) -> Any:
    """A template of this room."""
    return _environment().get_template(name)


@cache
def style() -> Any:
    """The style sheet of all pages, with the colours of light and dark."""
    from markupsafe import Markup

    css = (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    return Markup(  # noqa: S704 - our own style sheet
        css
        .replace("/* light */", palette.variables(palette.LIGHT))
        .replace("/* dark */", palette.variables(palette.DARK))
        .replace("/* repainting */", palette.repainting())
    )

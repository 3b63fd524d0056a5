"""The colours of the report. Each has one meaning, a light and a dark form, and enough contrast with the paper in both.

Charts are drawn once, in the light forms; the style sheet repaints them by attribute in the dark. Print always uses the light forms.
"""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#fdfcfa",
    "card": "#ffffff",
    "ink": "#1b2530",
    "muted": "#586472",
    "line": "#d9dcdf",
    "soft": "#eef0f1",
    "formal": "#27567f",
    "nonformal": "#3f9c98",
    "informal": "#e0912f",
    "step1": "#b9cdc6",
    "step2": "#6f9f92",
    "step3": "#24594d",
    "answered": "#2b6f63",
    "doubt": "#b3541e",
    "gap": "#e6e2dc",
}
DARK: Mapping[str, str] = {
    "paper": "#14191e",
    "card": "#1b2228",
    "ink": "#e8ebed",
    "muted": "#a3adb7",
    "line": "#39434c",
    "soft": "#232b32",
    "formal": "#79aede",
    "nonformal": "#5dc2bb",
    "informal": "#f1b45f",
    "step1": "#4d6f66",
    "step2": "#7fb5a6",
    "step3": "#c3e6db",
    "answered": "#7fcab8",
    "doubt": "#f0935a",
    "gap": "#30373d",
}


def variables(colours: Mapping[str, str]) -> str:
    """The colours as CSS variables: `--ink: #1b2530; …`."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def repainting() -> str:
    """CSS that gives every shape of a chart the variable of its colour, so the dark form follows."""
    return "\n".join(
        f'.chart [{attribute}="{colour}"] {{ {attribute}: var(--{name}) }}'
        for name, colour in LIGHT.items()
        for attribute in ("fill", "stroke")
    )

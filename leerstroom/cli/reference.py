"""Writes `docs/cli.md`, `docs/platforms.md` and the platforms of `README.md` out of the code, so that they never say otherwise: `make docs`."""

import re
from pathlib import Path
from typing import Any

import typer

from connectors.source import Kind, Verified, installed, load

HEADER = "<!-- made by make docs; do not edit -->\n"


def commands_markdown() -> str:
    """Every command with its help, its options and its example."""
    from leerstroom.cli import app

    lines = [
        HEADER,
        "# Command line\n",
        "Exit codes: 0 done, 1 something failed, 2 wrong use. `--help` shows the same.\n",
    ]
    lines += _command(typer.main.get_command(app), "leerstroom")
    return "\n".join(lines) + "\n"


def _command(command: Any, name: str) -> list[str]:
    lines = []
    if name != "leerstroom":
        lines += [f"## {name}\n", (command.help or "").split("\f")[0].strip() + "\n"]
        rows = [
            (
                " ".join(f"`{each}`" for each in parameter.opts)
                if parameter.param_type_name == "option"
                else f"`{(parameter.metavar or parameter.name or '').upper()}`",
                parameter,
            )
            for parameter in command.params
            if parameter.name != "help"
        ]
        if rows:
            lines += ["| option | meaning |", "|---|---|"]
            lines += [
                f"| {shown} | {(getattr(parameter, 'help', '') or '').replace('|', chr(92) + '|')} |"
                for shown, parameter in rows
            ] + [""]
        if command.epilog:
            lines += ["```", command.epilog.removeprefix("Example: "), "```\n"]
    if hasattr(command, "commands"):
        for each in sorted(command.commands):
            lines += _command(command.commands[each], f"{name} {each}")
    return lines


def platforms_markdown() -> str:
    """Every source: what its module says of the platform, its settings, and how it was verified."""
    lines = [HEADER, "# Platforms\n", "What each source reads, which permission it needs, and what it cannot see.\n"]
    lines += ["| source | platform | kind | verified |", "|---|---|---|---|"]
    sources = {name: load(name) for name in installed()}
    lines += [
        f"| [{name}](#{name}) | {source.title} | {source.kind} | {source.verified} |"
        for name, source in sources.items()
    ]
    for name, source in sources.items():
        lines += [
            f"\n## {name}\n",
            "```text",
            source.documentation().strip(),
            "```\n",
            "| setting | meaning | default |",
            "|---|---|---|",
        ]
        for setting in source.settings:
            marks = ", ".join(
                mark
                for mark, on in (
                    ("secret", setting.secret),
                    ("several", setting.many),
                    ("required", setting.required and setting.default is None),
                )
                if on
            )
            meaning = " — ".join(part for part in (setting.title, setting.help) if part) + (
                f" ({marks})" if marks else ""
            )
            lines.append(
                f"| `{setting.name}` | {meaning} | {'' if setting.default is None else f'`{setting.default}`'} |"
            )
    return "\n".join(lines) + "\n"


_PLATFORMS = re.compile(r"(?<=<!-- platforms, made by make docs -->\n).*?(?=<!-- end of platforms -->)", re.DOTALL)
_KINDS = {
    Kind.LMS: "LMS",
    Kind.MOOC: "MOOC",
    Kind.WEBINAR: "webinar",
    Kind.CHAT: "chat",
    Kind.SOCIAL: "social",
    Kind.OFFLINE: "face to face",
    Kind.WORK: "work",
}


def readme_markdown(readme: str) -> str:
    """README with its table of platforms as the sources say it: for each kind which were verified how."""
    sources = [load(name) for name in installed()]
    lines = [f"| | {' | '.join(Verified)} |", "|---|" + "---|" * len(Verified)]
    for kind, name in _KINDS.items():
        of_kind = [source for source in sources if source.kind == kind]
        cells = [", ".join(source.title for source in of_kind if source.verified == how) for how in Verified]
        if of_kind:
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return _PLATFORMS.sub(lambda _: "\n".join(lines) + "\n", readme)


def main() -> None:
    """Writes all of them into the working directory."""
    Path("docs/cli.md").write_text(commands_markdown(), encoding="utf-8")
    Path("docs/platforms.md").write_text(platforms_markdown(), encoding="utf-8")
    readme = Path("README.md")
    readme.write_text(readme_markdown(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Canvas: enrolments, completions, submissions, grades and discussions of an institution, by its API or out of files of Live Events."""

from connectors.sources.canvas.source import Canvas

__all__ = ["Canvas"]

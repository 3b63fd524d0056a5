"""Leerstroom's engine: statements, landing, people, mirror, classification, indicators, publishing, and the embedded LRS."""

__version__ = "0.1.0"

"""Totara: see `source`."""

from connectors.sources.totara.source import Totara

__all__ = ["Totara"]

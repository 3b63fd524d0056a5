"""Moodle: a site by its web services (`moodle`), and by its log (`moodle_log`), which also tells what people looked at."""

from connectors.sources.moodle.log import MoodleLog
from connectors.sources.moodle.rest import Moodle

__all__ = ["Moodle", "MoodleLog"]

"""70/20/10: a description of where minutes go, never a target; with few sources of work a low 70 says something about sources."""

from leerstroom.indicators.amounts import register_share

register_share("mode_70_20_10_share", "modes", {"70": "mode_70", "20": "mode_20", "10": "mode_10"})

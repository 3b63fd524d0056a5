"""Draws the charts of docs/performance.md out of what `make bench` measured.

python tests/bench/charts.py [var/bench/measures.json]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import vl_convert

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
BLUE, GREY = "#1f5f8b", "#b8c4ce"


def whole_stages(night: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What a night's own processes cost, each stage whole ("pull", not "pull zoom"), and the LRS; without making and serving the platforms."""
    return {
        name: cost
        for name, cost in night["stages"].items()
        if " " not in name.removeprefix("(lrs: ") and name not in {"(generate)", "(platforms)"}
    }


def of_stages(nights: list[dict[str, Any]]) -> dict[str, Any]:
    """CPU of each stage for a thousand records, in a small and a large night: bars of one length mean that cost grows with the records."""
    rows = [
        {"what": name, "size": f"{night['records']:,} records", "cost": stage["cpu_s"] / night["records"] * 1e6}
        for night in nights
        for name, stage in whole_stages(night).items()
    ]
    return _bars(rows, list(whole_stages(nights[-1])), "A night, stage by stage", "ms of CPU for a thousand records")


def of_tables(small: dict[str, float], large: dict[str, float]) -> dict[str, Any]:
    """The tables of a catalogue that take most, beside ten times what a tenth of the events takes."""
    names = sorted(large, key=large.__getitem__, reverse=True)[:16]
    rows = [{"what": name, "size": "1,000,000 events, times ten", "cost": small.get(name, 0.0) * 10} for name in names]
    rows += [{"what": name, "size": "10,000,000 events", "cost": large[name]} for name in names]
    return _bars(rows, names, "The catalogue, the sixteen tables that take most", "s of CPU")


def _bars(rows: list[dict[str, Any]], order: list[str], title: str, axis: str) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "title": {"text": title, "anchor": "start"},
        "width": 560,
        "height": {"step": 11},
        "background": "white",
        "mark": "bar",
        "encoding": {
            "x": {"field": "cost", "type": "quantitative", "title": axis},
            "y": {"field": "what", "type": "nominal", "sort": order, "title": None},
            "yOffset": {"field": "size", "type": "nominal", "sort": None},
            "color": {
                "field": "size",
                "type": "nominal",
                "sort": None,
                "title": None,
                "scale": {"range": [GREY, BLUE]},
            },
        },
    }


def main() -> None:
    """Writes performance-*.svg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="?", type=Path, default=ROOT / "var" / "bench" / "measures.json")
    figures = json.loads(parser.parse_args().measures.read_text())["figures"]
    charts = {}
    if figures.get("night"):
        charts["night"] = of_stages(figures["night"])
    if figures.get("indicators"):
        found = figures["indicators"]
        charts["indicators"] = of_tables(found["a_tenth"]["steps_cpu_s"], found["one_by_one"]["steps_cpu_s"])
    for name, chart in charts.items():
        target = IMAGES / f"performance-{name}.svg"
        target.write_text(vl_convert.vegalite_to_svg(chart, vl_version="v6.4"), encoding="utf-8")
        print(target)


if __name__ == "__main__":
    main()

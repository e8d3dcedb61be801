"""What Grafana would show wrong, and nobody would notice before an incident."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
from prometheus_client.metrics import MetricWrapperBase

from worker.observe.metrics import Metrics

PATH = Path(__file__).parents[2] / "deploy/grafana/hightide.json"
COLUMNS = 24
UNITS = {"s", "cps", "cpm", "reqps", "locale", "percentunit"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLES = {"$__rate_interval": "5m", "$__range": "24h", "$namespace": "any"}
# Labels that the scrape adds to every series.
TARGET_LABELS = frozenset({"namespace"})
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}

Json = dict[str, Any]


def dashboard() -> Json:
    """Return the dashboard, each time anew."""
    content: Json = json.loads(PATH.read_text(encoding="utf-8"))
    return content


class Series:
    """The series that a process exposes, with their labels and the values these start with."""

    def __init__(self) -> None:
        metrics = Metrics(["a-model"], ["a-sync"])
        self.labels: dict[str, set[str]] = {}
        for collector in vars(metrics).values():
            if isinstance(collector, MetricWrapperBase):
                [family] = collector.describe()
                bucket = {"le"} if family.type == "histogram" else set()
                for suffix in SUFFIXES[family.type]:
                    self.labels[family.name + suffix] = {*collector._labelnames, *bucket}
        self.values = {
            (sample.name, label, value)
            for family in metrics.registry.collect()
            for sample in family.samples
            for label, value in sample.labels.items()
        }


def findings(content: Json, series: Series) -> list[str]:
    """Return a sentence for everything that is wrong."""
    return [
        *_whole(content),
        *_overlaps(content["panels"]),
        *(
            f"{panel['title']}: {sentence}"
            for panel in content["panels"]
            if panel["type"] != "row"
            for sentence in _panel(panel, series)
        ),
    ]


def expressions(content: Json) -> Iterator[str]:
    """Every expression of the dashboard, with Grafana's variables filled in."""
    for panel in content["panels"]:
        for target in panel.get("targets", []):
            yield _filled(target["expr"])


def names_in(expression: str) -> set[str]:
    """Return the metric names in an expression."""
    return {str(s.name) for s in _selectors(promql_parser.parse(expression))}


def _whole(content: Json) -> Iterator[str]:
    if "id" in content or not content.get("uid"):
        yield "needs a uid, and no id: that belongs to one Grafana"
    if content.get("editable") is not False:
        yield "edits in the browser would be lost at the next roll-out"
    ids = [panel["id"] for panel in content["panels"]]
    if len(ids) != len(set(ids)):
        yield "two panels have the same id"
    variables = content["templating"]["list"]
    if ("datasource", "datasource") not in {(v["name"], v["type"]) for v in variables}:
        yield "the data source is no variable"


def _overlaps(panels: list[Json]) -> Iterator[str]:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        if at["x"] + at["w"] > COLUMNS or cells & taken:
            yield f"{panel['title']}: overlaps, or leaves the grid"
        taken |= cells


def _panel(panel: Json, series: Series) -> Iterator[str]:
    if not panel.get("title") or len(panel.get("description", "")) < 20:
        yield "has no description"
    if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
        yield "has no unit that Grafana knows"
    if any(place.get("datasource") != DATASOURCE for place in (panel, *panel["targets"])):
        yield "has a data source of its own"
    for target in panel["targets"]:
        yield from _target(target, series)


def _target(target: Json, series: Series) -> Iterator[str]:
    expression = target["expr"]
    if re.search(r"\brate\((?![^\[]*\[\$__rate_interval\])", expression):
        yield "rate() over a fixed time"
    try:
        parsed = promql_parser.parse(_filled(expression))
    except ValueError as error:
        yield f"no PromQL: {error}"
        return
    selectors = _selectors(parsed)
    for selector in selectors:
        yield from _selector(selector, series)
    kept = _kept_labels(parsed)
    known = {label for s in selectors for label in series.labels.get(str(s.name), ())}
    for label in sorted(kept - known - TARGET_LABELS):
        yield f"groups by {label}, which its series don't have"
    for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
        if label not in kept:
            yield f"its legend names {label}, which is summed away"


def _selector(selector: promql_parser.VectorSelector, series: Series) -> Iterator[str]:
    name = str(selector.name)
    if name not in series.labels:
        yield f"there is no series {name}"
        return
    for matcher in selector.matchers.matchers:
        if matcher.name in TARGET_LABELS:
            continue
        if matcher.name not in series.labels[name]:
            yield f"{name} has no label {matcher.name}"
        elif (name, matcher.name, matcher.value) not in series.values:
            yield f"{name} never has {matcher.name}={matcher.value}"


def _filled(expression: str) -> str:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def _nodes(expression: promql_parser.Expr) -> list[promql_parser.Expr]:
    found: list[promql_parser.Expr] = []
    promql_parser.walk(expression, found.append)
    return found


def _selectors(expression: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    nodes = _nodes(expression)
    return [
        node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        for node in nodes
        if isinstance(node, promql_parser.MatrixSelector | promql_parser.VectorSelector)
    ]


def _kept_labels(expression: promql_parser.Expr) -> set[str]:
    groups: Iterable[list[str]] = (
        node.modifier.labels
        for node in _nodes(expression)
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None
    )
    return {label for group in groups for label in group}

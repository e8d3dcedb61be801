"""The dashboard asks for series that exist, and the lint that says so catches planted faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.deploy.dashboard import Json, Series, dashboard, expressions, findings, names_in


def test_nothing_is_wrong_with_the_dashboard() -> None:
    """Every expression parses, every series, label and value in it exists, nothing overlaps."""
    assert [] == findings(dashboard(), Series())


def test_every_series_has_its_place() -> None:
    """What the worker exposes can be seen; of a histogram the buckets are enough."""
    asked = {name for expression in expressions(dashboard()) for name in names_in(expression)}
    exposed = {name for name in Series().labels if not name.endswith(("_sum", "_count"))}

    assert exposed == asked


def _panel(content: Json, title: str) -> Json:
    [panel] = [p for p in content["panels"] if p["title"] == title and p["type"] == "timeseries"]
    found: Json = panel
    return found


def _ask(content: Json, expression: str, legend: str = "") -> None:
    _panel(content, "In flight")["targets"][0].update(expr=expression, legendFormat=legend)


FAULTS: dict[str, tuple[Callable[[Json], object], str]] = {
    "no such series": (
        lambda c: _ask(c, "sum(hightide_in_flight_row)"),
        "In flight: there is no series hightide_in_flight_row",
    ),
    "no such label": (
        lambda c: _ask(c, 'sum(hightide_in_flight_rows{model="a"})'),
        "In flight: hightide_in_flight_rows has no label model",
    ),
    "no such value": (
        lambda c: _ask(c, 'sum(hightide_model_state{state="stoped"})'),
        "In flight: hightide_model_state never has state=stoped",
    ),
    "no such group": (
        lambda c: _ask(c, "sum by (model) (hightide_in_flight_rows)"),
        "In flight: groups by model, which its series don't have",
    ),
    "legend": (
        lambda c: _ask(c, "sum(hightide_in_flight_rows)", "{{sync}}"),
        "In flight: its legend names sync, which is summed away",
    ),
    "fixed rate": (
        lambda c: _ask(c, "sum(rate(hightide_calls_total[5m]))"),
        "In flight: rate() over a fixed time",
    ),
    "data source": (
        lambda c: _panel(c, "In flight").update(datasource={"type": "prometheus", "uid": "x"}),
        "In flight: has a data source of its own",
    ),
    "unit": (
        lambda c: _panel(c, "In flight")["fieldConfig"]["defaults"].update(unit="seconds"),
        "In flight: has no unit that Grafana knows",
    ),
    "description": (
        lambda c: _panel(c, "In flight").pop("description"),
        "In flight: has no description",
    ),
    "overlap": (
        lambda c: _panel(c, "In flight")["gridPos"].update(x=0),
        "In flight: overlaps, or leaves the grid",
    ),
    "same id": (
        lambda c: c["panels"][1].update(id=c["panels"][0]["id"]),
        "two panels have the same id",
    ),
    "editable": (
        lambda c: c.update(editable=True),
        "edits in the browser would be lost at the next roll-out",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    """The lint sees what it is there for."""
    plant, sentence = FAULTS[fault]
    content = dashboard()
    plant(content)

    assert sentence in findings(content, Series())


def test_an_expression_that_is_no_promql_is_found() -> None:
    """A typing error does not hide behind an empty panel."""
    content = dashboard()
    _ask(content, "sum(hightide_in_flight_rows))")

    assert any("In flight: no PromQL" in finding for finding in findings(content, Series()))

"""A dashboard in Grafana's JSON form (schema 38, Grafana 10 and later). Pure."""

from __future__ import annotations

from typing import Any

from deploy.monitoring.dashboards.model import Dashboard, Panel
from deploy.monitoring.model import SiteName

SCHEMA = 38
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def grafana(dashboard: Dashboard, site: SiteName) -> dict[str, Any]:
    """The file that Grafana is provisioned with."""
    return {
        "uid": f"embassy-{site}-{dashboard.name}",
        "title": f"data-embassy / {dashboard.title}",
        "description": dashboard.description,
        "tags": ["data-embassy", site],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "timezone": "utc",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "graphTooltip": 1,
        "templating": {"list": _variables(dashboard)},
        "annotations": {"list": [_ALERTS]},
        "links": [
            {
                "type": "dashboards", "title": "data-embassy", "tags": ["data-embassy"], "asDropdown": True,
                "includeVars": True, "keepTime": True,
            }
        ],
        "panels": _panels(dashboard, site),
    }  # fmt: skip


_ALERTS = {
    "name": "Alerts", "enable": True, "iconColor": "red", "datasource": DATASOURCE,
    "expr": 'ALERTS{alertstate="firing"}', "titleFormat": "{{alertname}}", "textFormat": "{{register}}",
}  # fmt: skip


def _variables(dashboard: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
    ]
    if dashboard.has_register:
        found.append(
            {
                "name": "register", "label": "Register", "type": "query", "datasource": DATASOURCE,
                "query": {"query": "label_values(embassy:tier, register)", "refId": "registers"},
                "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".+",
                "current": {"text": "All", "value": "$__all"}, "hide": 0,
            }
        )  # fmt: skip
    return found


def _panels(dashboard: Dashboard, site: SiteName) -> list[dict[str, Any]]:
    """From left to right, row below row; ids count on."""
    found: list[dict[str, Any]] = []
    top = 0
    for row in dashboard.rows:
        shown = [panel for panel in row.panels if site in panel.sites]
        if not shown:
            continue
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        found.append({"id": len(found) + 1, "type": "row", "title": row.title, "gridPos": place, "panels": []})
        top, left, height = top + 1, 0, 0
        for panel in shown:
            if left + panel.width > COLUMNS:
                top, left, height = top + height, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            found.append(_panel(panel, number=len(found) + 1, place=place))
            left, height = left + panel.width, max(height, panel.height)
        top += height
    return found


def _panel(panel: Panel, *, number: int, place: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.description, "gridPos": place,
        "datasource": DATASOURCE, "targets": [_target(panel, index) for index in range(len(panel.queries))],
        "options": _OPTIONS[panel.kind], "fieldConfig": {"defaults": _field(panel), "overrides": []},
    }  # fmt: skip
    if panel.kind == "table":
        found["transformations"] = _columns(panel)
    return found


def _target(panel: Panel, index: int) -> dict[str, Any]:
    query, is_instant = panel.queries[index], panel.kind in ("table", "bargauge")
    return {
        "refId": _letter(index), "datasource": DATASOURCE, "expr": query.expr, "legendFormat": query.legend,
        "instant": is_instant, "range": not is_instant, "format": "table" if panel.kind == "table" else "time_series",
    }  # fmt: skip


def _columns(panel: Panel) -> list[dict[str, Any]]:
    """One row for each register, one column for each query, without what Prometheus adds."""
    hidden = dict.fromkeys(("Time", "__name__", "job", "instance", "site"), True)
    is_one = len(panel.queries) == 1
    names = {
        "Value" if is_one else f"Value #{_letter(index)}": query.legend for index, query in enumerate(panel.queries)
    }
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "renameByName": names}},
    ]


def _letter(index: int) -> str:
    return chr(ord("A") + index)


_OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background", "graphMode": "area"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    "table": {"showHeader": True},
    "state-timeline": {"mergeValues": True, "showValue": "never", "legend": {"displayMode": "list"}},
    "bargauge": {"reduceOptions": {"calcs": ["lastNotNull"]}, "orientation": "horizontal", "displayMode": "basic"},
}


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": _steps(panel)}}
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.is_stacked else "none", "group": "A"}
        field["custom"] = {
            "lineWidth": 1, "fillOpacity": 40 if panel.is_stacked else 5, "stacking": stacking, "spanNulls": False,
        }  # fmt: skip
    else:
        field["color"] = {"mode": "thresholds"}
    return field


def _steps(panel: Panel) -> list[dict[str, Any]]:
    if panel.worse_above is not None:
        yellow, red = panel.worse_above
        return [{"color": "green", "value": None}, {"color": "yellow", "value": yellow}, {"color": "red", "value": red}]
    if panel.worse_below is not None:
        yellow, red = panel.worse_below
        return [{"color": "red", "value": None}, {"color": "yellow", "value": red}, {"color": "green", "value": yellow}]
    return [{"color": "green", "value": None}]

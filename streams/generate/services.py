"""Configuration of Prometheus, Alertmanager and Grafana, as the compose file mounts it.

It must not know rules or dashboards, only where their files lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.generate.processor_alerts import BLINDS, EXPORTER, INTAKE, WORKER
from streams.generate.rule_files import dumped
from streams.servers import Exporter, Intake, Worker
from streams.settings import Alerting, Settings

_SOURCE = "streams/generate/services.py or [alerting] in your shop.toml"
RECEIVER = "shop"
TARGET = "exporter:9464"
"""Where Prometheus finds the exporter."""


def texts(settings: Settings) -> Iterator[tuple[str, str]]:
    """(path, text) of each file."""
    told: dict[str, Any] = {
        "prometheus/prometheus.yml": _prometheus(settings),
        "alertmanager/alertmanager.yml": _alertmanager(settings.alerting),
        "provisioning/datasources/kpi.yml": _source(),
        "provisioning/dashboards/kpi.yml": _dashboards(),
        "provisioning/alerting/kpi.yml": _contact_points(settings.alerting),
    }
    for name, content in told.items():
        yield f"grafana/{name}", dumped(content, _SOURCE)


def _prometheus(settings: Settings) -> dict[str, Any]:
    def job(name: str, *targets: str, **more: Any) -> dict[str, Any]:
        return {"job_name": name, **more, "static_configs": [{"targets": list(targets)}]}

    exporter, worker, intake = settings.exporter, settings.worker, settings.intake
    own = () if exporter.metrics_port else exporter.tokens
    tokens = exporter.metrics_tokens or own
    target = f"exporter:{exporter.metrics_port}" if exporter.metrics_port else TARGET
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]},
        "scrape_configs": [
            # all KPIs, on a busy machine
            job(EXPORTER, target, scrape_timeout="14s", **_safely(EXPORTER, exporter, tokens)),
            job(
                WORKER,
                "worker-1:9465",
                "worker-2:9465",
                **_safely(WORKER, worker, worker.tokens),
            ),
            # down in a shop that has none, which nobody is told of
            job(INTAKE, "intake:9466", **_safely(INTAKE, intake, ())),
            job("prometheus", "127.0.0.1:9090"),
        ],
    }


SECRETS = "/etc/prometheus/secrets"
"""The folder on Prometheus' machine with `{job}-token` and `{job}-ca.pem`, as far as they are needed."""


def _safely(
    job: str, server: Exporter | Worker | Intake, tokens: tuple[str, ...]
) -> dict[str, Any]:
    """How Prometheus asks a server that wants HTTPS or a token; the token itself isn't told."""
    told: dict[str, Any] = {}
    if server.certfile:
        told |= {"scheme": "https", "tls_config": {"ca_file": f"{SECRETS}/{job}-ca.pem"}}
    if tokens:
        told["authorization"] = {"credentials_file": f"{SECRETS}/{job}-token"}
    return told


def _alertmanager(alerting: Alerting) -> dict[str, Any]:
    [(blind, what)] = BLINDS.items()
    business = [f'scope="{what}"']
    return {
        "route": {
            "receiver": RECEIVER,
            "group_by": ["alertname", "kpi"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "12h",
            "routes": [
                {
                    "receiver": RECEIVER,
                    "matchers": ['severity="critical"'],
                    "group_wait": "0s",
                    "repeat_interval": "2h",
                }
            ],
        },
        "inhibit_rules": [
            {"source_matchers": [f'{blind}="{what}"'], "target_matchers": business},
            {
                "source_matchers": ['severity="critical"', *business],
                "target_matchers": ['severity="warning"', *business],
                "equal": ["kpi", "window"],
            },
            {
                "source_matchers": ['alertname=~"KpiExporterDown|KpiWorkersDown"'],
                "target_matchers": ['scope="processor"', 'severity="warning"'],
            },
        ],
        "receivers": [_receiver(alerting)],
    }


_TITLE = "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}"
_BODY = "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.runbook_url }}\n{{ end }}"


def _receiver(alerting: Alerting) -> dict[str, Any]:
    told: dict[str, Any] = {"name": RECEIVER}
    if alerting.webhook:
        told["webhook_configs"] = [{"url": alerting.webhook, "send_resolved": True}]
    if alerting.slack_url_file:
        slack = {"api_url_file": alerting.slack_url_file, "send_resolved": True}
        slack |= {"title": _TITLE, "text": _BODY}
        slack |= {"channel": alerting.slack_channel} if alerting.slack_channel else {}
        told["slack_configs"] = [slack]
    if alerting.email_to:
        mail: dict[str, Any] = {
            "to": alerting.email_to,
            "from": alerting.email_from,
            "smarthost": alerting.smarthost,
            "send_resolved": True,
            "headers": {"Subject": _TITLE},
        }
        if alerting.smtp_username:
            mail["auth_username"] = alerting.smtp_username
            mail["auth_password_file"] = alerting.smtp_password_file
        told["email_configs"] = [mail]
    return told


def _source() -> dict[str, Any]:
    def one(name: str, uid: str, kind: str, url: str, **more: Any) -> dict[str, Any]:
        base = {"name": name, "uid": uid, "type": kind, "access": "proxy", "url": url}
        return {**base, "editable": False, **more}

    prometheus = {"timeInterval": "15s", "httpMethod": "POST", "manageAlerts": True}
    prometheus |= {"alertmanagerUid": "kpi-alertmanager"}
    return {
        "apiVersion": 1,
        "datasources": [
            one(
                "Prometheus", "kpi-prometheus", "prometheus", "http://prometheus:9090",
                isDefault=True, jsonData=prometheus,
            ),
            one(
                "Alertmanager", "kpi-alertmanager", "alertmanager", "http://alertmanager:9093",
                jsonData={"implementation": "prometheus", "handleGrafanaManagedAlerts": True},
            ),
        ],
    }  # fmt: skip


def _dashboards() -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "kpi",
                "folder": "KPIs",
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "options": {"path": "/etc/grafana/dashboards"},
            }
        ],
    }


def _contact_points(alerting: Alerting) -> dict[str, Any]:
    """Grafana's own alerts, should someone add any, go the way that Prometheus' go.

    The rules are Prometheus'; Grafana shows them, and tells Alertmanager.
    """
    url = alerting.webhook or "http://alertmanager:9093"
    kind = "webhook" if alerting.webhook else "prometheus-alertmanager"
    receiver = {"uid": "kpi-shop", "type": kind, "settings": {"url": url}}
    return {
        "apiVersion": 1,
        "contactPoints": [{"orgId": 1, "name": RECEIVER, "receivers": [receiver]}],
        "policies": [{"orgId": 1, "receiver": RECEIVER, "group_by": ["alertname", "kpi"]}],
    }

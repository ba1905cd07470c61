"""Reads the settings: `shop.toml`, overridden by variables `KPI_…`, overridden by the command line.

It must not know what the settings do; it says where a wrong one stands and what would be right.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from kpi_windows.definitions import Definitions
from kpi_windows.events import TOPICS as EVENTS
from kpi_windows.windows import WINDOWS
from streams import kinds
from streams.servers import Exporter, Intake, Worker
from streams.settings import (
    BY_VARIABLE,
    INSIDE,
    SECTIONS,
    Alerting,
    ConfigError,
    Kafka,
    Log,
    Setting,
    Settings,
    Topics,
)
from streams.units import show_duration
from streams.vendors import Segment, Shopify, Zendesk

__all__ = ["ConfigError", "Settings", "load", "nearest"]

FILE = "shop.toml"
OWN = ("measures", "kpis", "thresholds", "goals")
"""Sections of tables that a shop names itself."""


class _File(NamedTuple):
    path: Path
    text: str
    document: dict[str, Any]


def load(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings.

    `path`, else `KPI_CONFIG`, else `shop.toml` here if there is one.  `overrides` are by
    variable name without `KPI_`, in lower case, as `bootstrap_servers`; None is left out.
    Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    file = _find(path, environ)
    read = _read(file) if file else None
    values = _values(read) if read else {section: {} for section in SECTIONS}
    warnings = _from_environment(values, environ)
    for name, value in (overrides or {}).items():
        if value is not None:
            _put(values, BY_VARIABLE[f"KPI_{name.upper()}"], value)
    settings = _build(values, file, warnings)
    _check(settings, f"{file}: " if file else "")
    return _with_own(settings, read) if read else settings


def _find(path: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    told = path or environ.get("KPI_CONFIG")
    if told:
        if not Path(told).is_file():
            how = "--config" if path else "KPI_CONFIG"
            raise ConfigError(f"{told}: there is no such file (named by {how})")
        return Path(told)
    return Path(FILE) if Path(FILE).is_file() else None


def _read(path: Path) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
        return _File(path, text, tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}") from error


def _values(file: _File) -> dict[str, dict[str, Any]]:
    path, text, document = file
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for section, table in document.items():
        if section in OWN:
            continue
        if section not in SECTIONS:
            raise ConfigError(_unknown(path, text, "", section, (*SECTIONS, *OWN)))
        if not isinstance(table, dict):
            raise ConfigError(f"{_where(path, text, '', section)}: expected a table [{section}]")
        known = {one.key: one for one in SECTIONS[section]}
        for key, value in table.items():
            if key not in known:
                raise ConfigError(_unknown(path, text, section, key, known))
            try:
                values[section][known[key].attribute] = kinds.value_of(known[key].kind, value)
            except ValueError as error:
                raise ConfigError(
                    f"{_where(path, text, section, key)}: [{section}] {key}: {error}"
                ) from None
    return values


def _with_own(settings: Settings, file: _File) -> Settings:
    """The settings with the file's measures, KPIs and thresholds, and the goals on its KPIs."""
    document = file.document
    if document.keys().isdisjoint(OWN):
        return settings
    from streams.goal_settings import GoalError, goals_of
    from streams.own import OwnError, with_tables

    try:
        settings = with_tables(settings, document)
    except OwnError as error:
        raise _misplaced(file, error.section, error.name, error.key, error) from None
    zone = settings.definitions.zone
    try:
        goals = goals_of(document.get("goals", {}), settings.catalogue, zone)
    except GoalError as error:
        section = "goals" if error.goal else ""
        raise _misplaced(file, section, error.goal or "goals", error.key, error) from None
    return replace(settings, goals=goals)


def _misplaced(file: _File, section: str, name: str, key: str, told: Exception) -> ConfigError:
    """A mistake in a table that the shop has named."""
    path, text, _ = file
    table = f"{section}.{name}" if section else name
    place = _where(path, text, table, key) if key else str(path)
    if place == str(path):  # the key isn't there, or stands within another one
        place = _where(path, text, section, name)
    return ConfigError(f"{place}: {f'[{table}] {key}'.rstrip()}: {told}")


def _unknown(
    path: Path, text: str, section: str, key: str, known: Mapping[str, Any] | tuple[str, ...]
) -> str:
    where = _where(path, text, section, key)
    what = f"[{section}] {key}" if section else f"[{key}]"
    return f"{where}: {what}: no such setting; {nearest(key, known)}"


def nearest(name: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """Words that lead from a wrong name to the right one."""
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def _where(path: Path, text: str, section: str, key: str) -> str:
    """`file:line` of a key, as far as a look at the lines can tell."""
    here = ""
    name = re.escape(key)
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if header:
            here = header[1].replace('"', "").replace(" ", "")
            full = f"{section}.{key}" if section else key
            if here == full or here.startswith(f"{full}."):
                return f"{path}:{number}"
        elif here == section and re.match(rf'\s*"?{name}"?\s*[.=]', line):
            return f"{path}:{number}"
    return str(path)


def _from_environment(
    values: dict[str, dict[str, Any]], environ: Mapping[str, str]
) -> tuple[str, ...]:
    warnings = []
    for name, text in sorted(environ.items()):
        if not name.startswith("KPI_") or name == "KPI_CONFIG":
            continue
        one = BY_VARIABLE.get(name)
        if one is None:
            close = difflib.get_close_matches(name, list(BY_VARIABLE), 1, 0.8)
            if close:
                warnings.append(f"{name} is no setting and is ignored; did you mean {close[0]}?")
            continue
        _put(values, one, text)
    return tuple(warnings)


def _put(values: dict[str, dict[str, Any]], one: Setting, value: Any) -> None:
    try:
        read = kinds.text_of if isinstance(value, str) else kinds.value_of
        values[one.section][one.attribute] = read(one.kind, value)
    except ValueError as error:
        raise ConfigError(f"{one.variable}: {error}") from None


def _build(
    values: dict[str, dict[str, Any]], file: Path | None, warnings: tuple[str, ...]
) -> Settings:
    shop = dict(values["shop"])
    name = shop.pop("name", "Shop")
    for default, table in INSIDE.items():
        if "default" in shop.get(table, {}):
            shop[table] = dict(shop[table])
            shop[default] = shop[table].pop("default")
    return Settings(
        shop_name=name,
        definitions=Definitions(**shop),
        kafka=Kafka(**values["kafka"]),
        used=Topics(**values["topics"]),
        worker=Worker(**values["worker"]),
        intake=Intake(**values["intake"]),
        alerting=Alerting(**values["alerting"]),
        exporter=Exporter(**values["exporter"]),
        shopify=Shopify(**values["shopify"]),
        segment=Segment(**values["segment"]),
        zendesk=Zendesk(**values["zendesk"]),
        log=Log(**values["log"]),
        path=file,
        warnings=warnings,
    )


def _check(settings: Settings, where: str) -> None:
    """What no setting can tell alone."""
    kafka, exporter = settings.kafka, settings.exporter
    for section, key, names, known in (
        ("kafka", "topics", kafka.topics, tuple(EVENTS)),
        ("shop", "lateness", settings.definitions.lateness_ms, ("default", *EVENTS)),
        ("exporter", "windows", exporter.windows, WINDOWS),
        ("exporter", "breakdown_windows", exporter.breakdown_windows, WINDOWS),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"{where}[{section}] {key}: no such one: {name}; {nearest(name, known)}"
                )
    if not settings.topics:
        raise ConfigError(f"{where}[topics] expected at least one that is on")
    for told in _contradictions(kafka):
        raise ConfigError(f"{where}[kafka] {told}")
    least_ms = 2 * max(kafka.transaction_timeout_ms, kafka.commit_interval_ms)
    if 0 < settings.worker.stuck_after_ms < least_ms:
        raise ConfigError(
            f"{where}[worker] stuck_after: expected at least {show_duration(least_ms)}, twice "
            "transaction_timeout, or 0s"
        )
    if 0 < settings.exporter.stuck_after_ms < 10_000:
        raise ConfigError(f"{where}[exporter] stuck_after: expected at least 10s, or 0s")
    for section in ("worker", "exporter", "intake"):
        told = getattr(settings, section)
        if bool(told.certfile) != bool(told.keyfile):
            raise ConfigError(f"{where}[{section}] certfile, keyfile: expected both, or neither")


def _contradictions(kafka: Kafka) -> Iterator[str]:
    if kafka.heartbeat_ms * 3 > kafka.session_timeout_ms:
        yield "heartbeat: expected at most a third of session_timeout"
    if kafka.commit_interval_ms < 10:
        yield "commit_interval: expected at least 10ms"
    if kafka.commit_interval_ms * 2 > kafka.transaction_timeout_ms:
        yield "commit_interval: expected at most half of transaction_timeout"
    if len(set(kafka.topics.values())) < len(kafka.topics):
        yield "topics: expected a different name for each"
    if kafka.security_protocol.startswith("SASL") and not kafka.sasl_username:
        yield "sasl_username: expected one, as security_protocol is SASL"

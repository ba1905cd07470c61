"""Every series that is exported: its name, kind, unit, labels and meaning.

Those of the KPIs follow from the catalogue; the processor's own are listed here.  It must not
know how values are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kpi_windows.formula import ratio_of
from kpi_windows.kpi import Column, Kpi, Unit
from streams.servers import Exporter


class Series(NamedTuple):
    """A metric family of the processor's own."""

    name: str
    kind: str
    """`gauge`, `counter`, `histogram` or `summary`."""
    unit: str
    labels: tuple[str, ...]
    meaning: str


EVENTS = Series(
    "kpi_processor_events_total", "counter", "events", ("topic", "outcome"),
    "What became of the events: accepted, duplicate, late, future or rejected.",
)  # fmt: skip
TAKEN_IN = Series(
    "kpi_processor_taken_in_total", "counter", "events", ("topic",),
    "Events that came in.",
)  # fmt: skip
UNACCOUNTED = Series(
    "kpi_processor_unaccounted_events", "gauge", "events", ("topic",),
    "Came in − the sum of all outcomes: 0 at rest, always.",
)  # fmt: skip
FOLDED = Series(
    "kpi_processor_folded_total", "counter", "additions", ("fact",),
    "Counted under `__other__` because a pane of the fact had no room for another value of a label "
    "(`pane_cells`).",
)  # fmt: skip
LET_GO = Series(
    "kpi_processor_let_go_total", "counter", "journeys", ("what",),
    "Visitors, orders, tickets … that were let go before their time, because so many of a kind are "
    "kept in a partition (`most_journeys`).",
)  # fmt: skip
FORWARDED = Series(
    "kpi_processor_forwarded_total", "counter", "facts", ("what",),
    "Facts for another key's partition: sent, applied there; messages that came under another "
    "key: misrouted (sent on), arrived.",
)  # fmt: skip
IN_FLIGHT = Series(
    "kpi_processor_forwards_in_flight", "gauge", "facts", (),
    "Sent + misrouted − applied − arrived: 0 at rest.",
)  # fmt: skip
WATERMARK = Series(
    "kpi_processor_watermark_timestamp_seconds", "gauge", "seconds since 1970", ("partition",),
    "How far event time has come.",
)  # fmt: skip
BEHIND = Series(
    "kpi_processor_partition_behind_seconds", "gauge", "seconds", ("partition",),
    "Its watermark is this far behind the foremost partition's.",
)  # fmt: skip
LAGGING = Series(
    "kpi_processor_partitions_behind", "gauge", "partitions", (),
    "Partitions more than a minute behind; values lack their newest events.",
)  # fmt: skip
ARRIVAL = Series(
    "kpi_processor_newest_arrival_timestamp_seconds", "gauge", "seconds since 1970",
    ("partition",), "When the newest event that values contain had arrived in Kafka.",
)  # fmt: skip
APPLIED = Series(
    "kpi_processor_applied_timestamp_seconds", "gauge", "seconds since 1970", ("partition",),
    "When this exporter last took in a commit of the partition.",
)  # fmt: skip
COMMITS = Series(
    "kpi_processor_checkpoints_total", "counter", "commits", ("partition",),
    "Commits of the partition, ever.",
)  # fmt: skip
POSITION = Series(
    "kpi_processor_position", "gauge", "offset", ("topic", "partition"),
    "The next offset that the state will take.",
)  # fmt: skip
DELAY = Series(
    "kpi_processor_visible_delay_seconds", "histogram", "seconds", (),
    "From an event's arrival in Kafka to its values being visible here, estimated by commit.",
)  # fmt: skip
READY = Series(
    "kpi_exporter_ready", "gauge", "0 or 1", (),
    "All partitions have been read to their end.",
)  # fmt: skip
RESTORE = Series(
    "kpi_exporter_restore_seconds", "gauge", "seconds", (),
    "From start until ready.",
)  # fmt: skip
EXPOSED = Series(
    "kpi_exporter_series", "gauge", "series", (),
    "KPI series in this scrape.",
)  # fmt: skip
LIMIT = Series(
    "kpi_exporter_series_limit", "gauge", "series", (),
    "The most KPI series that a scrape may have ([exporter] max_series).",
)  # fmt: skip
LEFT_OUT = Series(
    "kpi_exporter_left_out", "gauge", "1", ("family",),
    "A breakdown that didn't fit under the limit.",
)  # fmt: skip
SCRAPE = Series(
    "kpi_exporter_collect_seconds", "gauge", "seconds", (),
    "How long it took to evaluate all KPIs for this scrape.",
)  # fmt: skip
RIPE = Series(
    "kpi_window_ripe", "gauge", "0 or 1", ("kpi", "window"),
    "0 while the window is so young that what it counts may not have ended (only of KPIs that "
    "need time to ripen; their `_ripe` families end early enough).",
)  # fmt: skip

_GOAL_UNIT = "that of the goal's KPI"
GOAL_VALUE = Series(
    "kpi_goal_value", "gauge", _GOAL_UNIT, ("goal",),
    "The goal's KPI in the judged window to date; before that begins, in the present one.",
)  # fmt: skip
GOAL_BASELINE = Series(
    "kpi_goal_baseline", "gauge", _GOAL_UNIT, ("goal",),
    "Where the goal began: a number, or the KPI in a past period.",
)  # fmt: skip
GOAL_TARGET = Series(
    "kpi_goal_target", "gauge", _GOAL_UNIT, ("goal",),
    "What the KPI is to be in the judged window at the deadline.",
)  # fmt: skip
GOAL_PROGRESS = Series(
    "kpi_goal_progress_ratio", "gauge", "1 is all of the way", ("goal",),
    "The part of the way from baseline to target that is made at today's pace (a level: that is "
    "made); below 0 is the wrong way.",
)  # fmt: skip
GOAL_LANDING = Series(
    "kpi_goal_landing", "gauge", _GOAL_UNIT, ("goal",),
    "What the KPI will be at the deadline, if the days to come are like the last four weeks, "
    "weekday by weekday.",
)  # fmt: skip
GOAL_PACE = Series(
    "kpi_goal_pace", "gauge", "a day", ("goal",),
    "In the last 28 days: of a sum its mean a day, of a level its change a day.",
)  # fmt: skip
GOAL_PACE_NEEDED = Series(
    "kpi_goal_pace_needed", "gauge", "a day, or a ratio", ("goal",),
    "From now on: of a sum the amount a day, of a ratio what it must be, of anything else its "
    "change a day.",
)  # fmt: skip
GOAL_STATE = Series(
    "kpi_goal_state", "gauge", "0 or 1", ("goal", "state"),
    "How the goal is doing: reached, on_track, at_risk, missed or unknown; one of them is 1.",
)  # fmt: skip
GOAL_DEADLINE = Series(
    "kpi_goal_deadline_seconds", "gauge", "seconds since 1970", ("goal",),
    "The end of the judged window.",
)  # fmt: skip
GOALS = (
    GOAL_VALUE, GOAL_BASELINE, GOAL_TARGET, GOAL_PROGRESS, GOAL_LANDING, GOAL_PACE,
    GOAL_PACE_NEEDED, GOAL_STATE, GOAL_DEADLINE,
)  # fmt: skip

ALERTS_ELECTED = Series(
    "kpi_alerts_elected", "gauge", "0 or 1", (),
    "1 on the exporter that watches the thresholds; only this one has the other series of alerts.",
)  # fmt: skip
ALERTS_FIRING = Series(
    "kpi_alerts_firing", "gauge", "0 or 1", ("threshold", "severity"),
    "1 from the breach until the recovery, as they are told on the alerts' topic.",
)  # fmt: skip
ALERTS = Series(
    "kpi_alerts_total", "counter", "alerts", ("threshold", "event"),
    "Breaches and recoveries written to the alerts' topic, ever.",
)  # fmt: skip
ALERTS_JUDGED = Series(
    "kpi_alerts_judged_timestamp_seconds", "gauge", "seconds since 1970", (),
    "The last minute of event time for which the thresholds were judged.",
)  # fmt: skip

EXPORTER = (
    EVENTS, TAKEN_IN, UNACCOUNTED, FOLDED, LET_GO, FORWARDED, IN_FLIGHT, WATERMARK, BEHIND, LAGGING,
    ARRIVAL, APPLIED, COMMITS, POSITION, DELAY, READY, RESTORE, EXPOSED, LIMIT, LEFT_OUT, SCRAPE, RIPE,
    *GOALS, ALERTS_ELECTED, ALERTS_FIRING, ALERTS, ALERTS_JUDGED,
)  # fmt: skip

BATCHES = Series(
    "kpi_worker_batches_total", "counter", "batches", ("partition",),
    "Batches taken from Kafka since the partition was assigned.",
)  # fmt: skip
TAKEN = Series(
    "kpi_worker_events_total", "counter", "events", ("partition",),
    "Records taken from Kafka since the partition was assigned; by batches: the batch size.",
)  # fmt: skip
REWINDS = Series(
    "kpi_worker_rewinds_total", "counter", "rewinds", ("partition",),
    "Batches fetched again because one before them was missing.",
)  # fmt: skip
COMMIT = Series(
    "kpi_worker_commit_seconds", "summary", "seconds", ("partition",),
    "Commits since the partition was assigned, and how long they took.",
)  # fmt: skip
LAST_COMMIT = Series(
    "kpi_worker_last_commit_seconds", "gauge", "seconds", ("partition",),
    "How long the last commit took.",
)  # fmt: skip
COMMITTED = Series(
    "kpi_worker_commit_timestamp_seconds", "gauge", "seconds since 1970", ("partition",),
    "When the last commit was.",
)  # fmt: skip
WRITTEN = Series(
    "kpi_worker_records_written_total", "counter", "records", ("partition",),
    "Records written to changelogs and forwards since the partition was assigned.",
)  # fmt: skip
DEAD = Series(
    "kpi_worker_dead_letters_total", "counter", "events", ("partition",),
    "Dead letters written since the partition was assigned.",
)  # fmt: skip
RESTORED = Series(
    "kpi_worker_restore_seconds", "gauge", "seconds", ("partition",),
    "How long it took to restore the partition.",
)  # fmt: skip
RESTORED_RECORDS = Series(
    "kpi_worker_restore_records", "gauge", "records", ("partition",),
    "Records read to restore the partition.",
)  # fmt: skip
LAG = Series(
    "kpi_worker_lag", "gauge", "records", ("topic", "partition"),
    "Records in Kafka that the state hasn't taken yet.",
)  # fmt: skip
KEPT = Series(
    "kpi_worker_state_entries", "gauge", "entries", ("partition", "what"),
    "Size of the state: visitors, orders, customers, tickets, and cells of the panes.",
)  # fmt: skip
WORKER = (
    BATCHES, TAKEN, REWINDS, COMMIT, LAST_COMMIT, COMMITTED, WRITTEN, DEAD, RESTORED,
    RESTORED_RECORDS, LAG, KEPT,
)  # fmt: skip
"""Beside Python's `process_…`: `changes(process_start_time_seconds[1h])` are the restarts."""

INTAKE_EVENTS = Series(
    "kpi_intake_events_total", "counter", "events", ("topic", "status"),
    "What became of the events sent here: accepted, duplicate, rejected or not_written.",
)  # fmt: skip
INTAKE_REQUESTS = Series(
    "kpi_intake_requests_total", "counter", "requests", ("route", "status"),
    "Requests by route (events, webhooks) and HTTP status.",
)  # fmt: skip
INTAKE_IGNORED = Series(
    "kpi_intake_ignored_total", "counter", "things", ("webhook", "reason"),
    "What in a webhook makes no event.",
)  # fmt: skip
INTAKE_SECONDS = Series(
    "kpi_intake_request_seconds", "histogram", "seconds", (),
    "From a request's head to its answer, Kafka's acknowledgement included.",
)  # fmt: skip
INTAKE_UNANSWERED = Series(
    "kpi_intake_unanswered_events", "gauge", "events", (),
    "Events given to Kafka of which nothing is known yet.",
)  # fmt: skip
INTAKE_BUFFER = Series(
    "kpi_intake_buffer_bytes", "gauge", "bytes", (),
    "What requests that aren't answered yet take.",
)  # fmt: skip
INTAKE_BUFFER_LIMIT = Series(
    "kpi_intake_buffer_limit_bytes", "gauge", "bytes", (),
    "The most that they may take ([intake] buffer): what doesn't fit is answered 503.",
)  # fmt: skip
INTAKE_REMEMBERED = Series(
    "kpi_intake_remembered_events", "gauge", "events", (),
    "Events of which a copy would be answered without being written ([intake] remembered).",
)  # fmt: skip
INTAKE = (
    INTAKE_EVENTS, INTAKE_REQUESTS, INTAKE_IGNORED, INTAKE_SECONDS, INTAKE_UNANSWERED,
    INTAKE_BUFFER, INTAKE_BUFFER_LIMIT, INTAKE_REMEMBERED,
)  # fmt: skip


class Family(NamedTuple):
    """A metric family of a KPI."""

    name: str
    definition: str
    part: str
    """`value`, `numerator`, `denominator`, `previous`, `ripe`, or a table's column."""
    labels: tuple[str, ...]
    """Beside `window`."""
    unit: str
    help: str


def metric_name(kpi: Kpi, definition: str, part: str = "", by: str = "") -> str:
    """`kpi_<id>[_<definition>][_<part>][_by_<label>][_<unit>]`.

    A numerator and a denominator have no unit of their own.
    """
    whole = kpi.metric(definition)
    unit = kpi.reading(definition).unit.value
    end = f"_{unit}" if unit and whole.endswith(f"_{unit}") else ""
    name = whole.removesuffix(end)
    if part in ("numerator", "denominator"):
        name, end = f"{name}_{part}", ""
    elif part:
        name = f"{name}_{part}"
    return f"{name}_by_{by}{end}" if by else f"{name}{end}"


_PARTS = {
    "previous": "the same in the window before, over the same elapsed time",
    "ripe": "the same in the latest window that is ripe",
    "numerator": "what is above the line",
    "denominator": "what is below the line",
}


def families_of(kpi: Kpi) -> Iterator[Family]:
    """All families of a KPI, breakdowns last."""
    for definition, reading in kpi.readings.items():
        parts = ["", "previous"]
        parts += ["ripe"] if kpi.matures_after else []
        ratio = ratio_of(reading.formula) is not None
        parts += ["numerator", "denominator"] if ratio else []
        for part in parts:
            yield _family(kpi, definition, part, ())
    for definition, reading in kpi.readings.items():
        ratio = ratio_of(reading.formula) is not None
        for label in reading.all_labels:
            for part in ["", *(["numerator", "denominator"] if ratio else [])]:
                yield _family(kpi, definition, part, (label,))
    for pair in kpi.crossed:
        yield _family(kpi, "default", "", pair)
    if kpi.table is not None:
        texts = tuple(column.name for column in kpi.table.columns if column.unit is None)
        for column in kpi.table.columns:
            if column.unit is not None:
                yield _column(kpi, column, texts)


def _family(kpi: Kpi, definition: str, part: str, by: tuple[str, ...]) -> Family:
    reading = kpi.reading(definition)
    words = kpi.title if definition == "default" else f"{kpi.title} ({definition})"
    if part:
        words += f": {_PARTS[part]}"
    if by:
        words += f", by {' and '.join(by)}"
    unit = "" if part in ("numerator", "denominator") else reading.unit.value
    name = metric_name(kpi, definition, part, "_".join(by))
    return Family(name, definition, part or "value", by, unit, words)


def _column(kpi: Kpi, column: Column, texts: tuple[str, ...]) -> Family:
    unit = column.unit.value if column.unit else ""
    name = f"kpi_{kpi.id}_table_{column.name}"
    if unit and not name.endswith(f"_{unit}"):
        name += f"_{unit}"
    words = f"{kpi.title}: {column.name} of the foremost rows"
    return Family(name, "default", column.name, texts, unit, words)


UNITS = {
    Unit.RATIO.value: "0..1",
    Unit.MONEY.value: "the shop's currency",
    Unit.SECONDS.value: "seconds",
    Unit.DAYS.value: "days",
    Unit.SCORE.value: "points",
    Unit.COUNT.value: "",
}


DEMO_SERIES = 35_000
"""About so many KPI series has the shop of `kpi demo`, with the settings' defaults."""


def bounds(exporter: Exporter) -> str:
    """What bounds the number of series, in words."""
    return (
        f"At most {exporter.max_series:,} KPI series (`max_series`); of a label at most "
        f"{exporter.top_labels} values, by size, the rest under `__other__` (`top_labels`)."
    )

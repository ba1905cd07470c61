"""What is made: units, the time of machines and people, and what went wrong."""

from __future__ import annotations

from decimal import Decimal

from kpi_windows.events.base import Count, Event, Id, Label, Time


class UnitStarted(Event, frozen=True, kw_only=True, gc=False, tag="unit_started"):
    """Work on a unit (a piece, a batch, a parcel) began."""

    KEY = "unit_id"

    unit_id: Id
    line: Label | None = None
    machine: Label | None = None
    product_id: Label | None = None
    shift: Label | None = None


class UnitFinished(Event, frozen=True, kw_only=True, gc=False, tag="unit_finished"):
    """Work on a unit ended; when it ends again, the last time counts."""

    KEY = "unit_id"

    unit_id: Id
    good: bool = True
    """False: scrap."""
    reworked: bool = False
    """It is good, but wasn't at first."""


class _Report(Event, frozen=True, kw_only=True, gc=False):
    """Sums over a while, told at `timestamp`; a later report of the same id replaces it."""

    KEY = "report_id"

    report_id: Id
    """Names what is summed up, as `press-3/2026-11-23/early`: sent again with the same id when its
    sums have grown or were corrected."""
    line: Label | None = None
    shift: Label | None = None
    counted_at: Time | None = None
    """When the sums count, best the start of the hour or shift that they are of.  Absent: at
    `timestamp`."""


class MachineReported(_Report, frozen=True, kw_only=True, gc=False, tag="machine_reported"):
    """The time of a machine, and what it made."""

    machine: Label | None = None
    product_id: Label | None = None
    planned_seconds: Decimal
    run_seconds: Decimal
    ideal_cycle_seconds: Decimal
    """For one unit, at best."""
    produced: Count
    good: Count


class LabourReported(_Report, frozen=True, kw_only=True, gc=False, tag="labour_reported"):
    """The time of people, and what they made."""

    team: Label | None = None
    planned_hours: Decimal
    worked_hours: Decimal
    standard_output: Decimal
    """Units that would have been made in the worked hours by the standard."""
    produced: Count
    good: Count


class IncidentReported(Event, frozen=True, kw_only=True, gc=False, tag="incident_reported"):
    """Something didn't comply; a later report of the same incident replaces it."""

    KEY = "incident_id"

    incident_id: Id
    kind: Label | None = None
    """`safety`, `labour`, `quality`, `licence`, …"""
    line: Label | None = None
    counted_at: Time | None = None
    """When it happened.  Absent: at `timestamp`."""


PRODUCTION: tuple[type[Event], ...] = (
    UnitStarted,
    UnitFinished,
    MachineReported,
    LabourReported,
    IncidentReported,
)

"""What projects plan, use and bring."""

from __future__ import annotations

from decimal import Decimal

from kpi_windows.events.base import Event, Id, Label, Time


class _Booking(Event, frozen=True, kw_only=True, gc=False):
    """Something booked on a project; a later booking of the same id replaces it."""

    KEY = "booking_id"

    booking_id: Id
    project_id: Label
    team: Label | None = None
    counted_at: Time | None = None
    """When it counts, as the day of the work.  Absent: at `timestamp`."""


class HoursBooked(_Booking, frozen=True, kw_only=True, gc=False, tag="hours_booked"):
    """Hours worked; 0 takes an earlier booking back."""

    hours: Decimal


class CostBooked(_Booking, frozen=True, kw_only=True, gc=False, tag="cost_booked"):
    """Money spent; 0 takes an earlier booking back."""

    amount: Decimal
    currency: Label | None = None


class IncomeBooked(_Booking, frozen=True, kw_only=True, gc=False, tag="income_booked"):
    """Money that a project brought in; 0 takes an earlier booking back."""

    amount: Decimal
    currency: Label | None = None


class ProjectPlanned(Event, frozen=True, kw_only=True, gc=False, tag="project_planned"):
    """Snapshot: the plan of a project, as of this time; fields that are present replace."""

    KEY = "project_id"

    project_id: Id
    team: Label | None = None
    budget: Decimal | None = None
    """Allocated to the whole project."""
    estimated_hours: Decimal | None = None
    """For the whole project."""
    planned_cost: Decimal | None = None
    """What should have been spent by now."""
    earned_value: Decimal | None = None
    """What the work done by now was to cost by the plan."""
    currency: Label | None = None


PROJECTS: tuple[type[Event], ...] = (HoursBooked, CostBooked, IncomeBooked, ProjectPlanned)

"""The guide's production KPIs: how long, how well and how much is made.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import Quantile, count, seconds
from kpi_windows.facts.operations import INCIDENT, LABOUR, MACHINE, UNIT
from kpi_windows.formula import Scale
from kpi_windows.kpi import Better, Kpi, Reading, Unit
from kpi_windows.relations import Days, MeanBefore, WindowEnd
from kpi_windows.standing import Latest

PLACE = ("line", "machine", "product", "shift")

cycles = count(UNIT, "cycles", "units with a start and a finish")
started = count(UNIT, "started", "units started")
finished = count(UNIT, "finished", "units finished")
good = count(UNIT, "good", "good units")

CYCLE_TIME = Kpi(
    id="cycle_time",
    title="Cycle time",
    aliases=("Cyclustijd",),
    group="production",
    unit=Unit.SECONDS,
    better=Better.LOWER,
    formula=seconds(count(UNIT, "cycle_ms", "time from start to finish")) / cycles,
    by=PLACE,
    beside={
        "median": Reading(
            seconds(Quantile(UNIT, "cycle", "time from start to finish", q=0.5)), Unit.SECONDS
        ),
        "p90": Reading(
            seconds(Quantile(UNIT, "cycle", "time from start to finish", q=0.9)), Unit.SECONDS
        ),
        "cycles": Reading(cycles, Unit.COUNT),
    },
    note="From a unit's start to its last finish, counted there. A unit whose start is unknown has "
    "no cycle.",
)

planned = seconds(count(MACHINE, "planned_ms", "planned time"))
run = seconds(count(MACHINE, "run_ms", "run time"))
ideal = seconds(count(MACHINE, "ideal_ms", "ideal time of the units made"))
valuable = seconds(count(MACHINE, "valuable_ms", "ideal time of the good units"))
made = count(MACHINE, "produced", "units made")
made_well = count(MACHINE, "good", "good units")

OEE = Kpi(
    id="oee",
    title="Overall equipment effectiveness",
    aliases=("OEE", "Algehele apparatuur effectiviteit (OEE)", "Algehele apparatuur effectiviteit"),
    group="production",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=(ideal * made_well) / (planned * made),
    by=PLACE,
    definitions={
        "valuable_time": Reading(
            valuable / planned,
            Unit.RATIO,
            note="The ideal time of the good units by the planned time: each unit weighs by its "
            "own ideal cycle, and time in which nothing was made counts.",
        ),
    },
    beside={
        "availability": Reading(run / planned, Unit.RATIO),
        "performance": Reading(ideal / run, Unit.RATIO),
        "quality": Reading(made_well / made, Unit.RATIO),
    },
    note="Availability (run / planned time) × performance (ideal cycle × units / run time) × "
    "quality (good / made), each from the sums over all machines, never a mean of OEEs; run time "
    "cancels out. Where nothing was made there is no quality, and so no value.",
    source="Nakajima 1988; ISO 22400-2",
)

planned_work = seconds(count(LABOUR, "planned_ms", "planned time"))
worked = seconds(count(LABOUR, "worked_ms", "worked time"))
standard = Scale(count(LABOUR, "standard_micros", "standard output"), Fraction(1, 1_000_000))
output = count(LABOUR, "produced", "units made")
good_output = count(LABOUR, "good", "good units")

OLE = Kpi(
    id="ole",
    title="Overall labour effectiveness",
    aliases=("OLE", "Algehele arbeidsproductiviteit (OLE)", "Algehele arbeidsproductiviteit"),
    group="production",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=(worked * good_output) / (planned_work * standard),
    by=("line", "team", "shift"),
    beside={
        "availability": Reading(worked / planned_work, Unit.RATIO),
        "performance": Reading(output / standard, Unit.RATIO),
        "quality": Reading(good_output / output, Unit.RATIO),
    },
    note="Availability (worked / planned hours) × performance (output / standard output) × quality "
    "(good / output), each from the sums; output cancels out.",
)

YIELD = Kpi(
    id="yield",
    title="Yield",
    aliases=("Opbrengst",),
    group="production",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=finished,
    by=PLACE,
    definitions={
        "reported": Reading(made, Unit.COUNT, note="As the machines' reports tell it."),
    },
    beside={
        "variance": Reading(
            finished - MeanBefore(finished),
            Unit.COUNT,
            note="Against the mean of the four windows before, each over the same elapsed time; "
            "one in which nothing was made counts as 0.",
        ),
        "good": Reading(good, Unit.COUNT),
        "reworked": Reading(count(UNIT, "reworked", "good units after rework"), Unit.COUNT),
    },
    note="Units finished, good or not, counted when they were last finished.",
)

FIRST_TIME_YIELD = Kpi(
    id="first_time_yield",
    title="First time yield",
    aliases=("Eerste opbrengst", "Eerste opbrengst (FTY)", "FTY", "Eerste doorgang opbrengst"),
    group="production",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=count(UNIT, "good_of_started", "units started that became good") / started,
    by=PLACE,
    definitions={
        "first_pass": Reading(
            count(UNIT, "first_pass", "units started that became good without rework") / started,
            Unit.RATIO,
            note="A unit that was reworked doesn't count as good.",
        ),
        "of_finished": Reading(
            good / finished,
            Unit.RATIO,
            note="Of the units finished in the window, at the finish; what is still in work is "
            "left out.",
        ),
    },
    beside={"started": Reading(started, Unit.COUNT)},
    note="Both counted at the unit's start: one that is still in work isn't good yet, so that "
    "young windows grow.",
)

INCIDENTS = Kpi(
    id="incidents",
    title="Incidents",
    aliases=(
        "Niet-nalevingen of incidenten",
        "Aantal niet-nalevingen of incidenten",
        "Non-compliance events",
    ),
    group="production",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=count(INCIDENT, "incidents", "incidents"),
    by=("kind", "line"),
    beside={
        "since_last": Reading(
            Days(seconds(WindowEnd()) - seconds(Latest(INCIDENT, "at_ms", "time of the last one"))),
            Unit.DAYS,
            note="Days from the last one, ever, to the window's end; no value before the first.",
        ),
    },
    note="Incidents that stand, when they happened: a later report of the same incident replaces "
    "the earlier one.",
)

KPIS: tuple[Kpi, ...] = (
    CYCLE_TIME,
    OEE,
    OLE,
    YIELD,
    FIRST_TIME_YIELD,
    INCIDENTS,
)

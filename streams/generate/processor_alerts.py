"""Alerts on the processor itself; those that make the numbers meaningless silence the business's.

It must not know KPIs.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams import metrics
from streams.generate.alerts import (
    COUNT,
    DURATION,
    PERCENT,
    QUIET,
    Alert,
    Case,
    Firing,
    Style,
    flat,
)

SCOPE = "processor"
BLINDS = {"blinds": "business"}
"""The label of alerts under which business alerts mean nothing."""
EXPORTER, WORKER, INTAKE = "kpi-exporter", "kpi-worker", "kpi-intake"
"""Prometheus' names of the jobs."""
_ONE = '{job="%s", instance="a"}'


def _alert(
    name: str,
    severity: str,
    expr: str,
    summary: str,
    todo: str,
    *cases: Case,
    blinds: bool = False,
    style: Style = COUNT,
    carried: tuple[str, ...] = (),
    minutes: int = 5,
) -> Alert:
    labels: Mapping[str, str] = {"severity": severity, "scope": SCOPE, **(BLINDS if blinds else {})}
    return Alert(
        name, expr, summary, style, labels, SCOPE, todo, "/d/kpi-processor",
        for_ms=minutes * 60_000, carried=carried, cases=cases,
    )  # fmt: skip


def _pair(
    bad: Mapping[str, str], fine: Mapping[str, str], value: float, *, at: int, **labels: str
) -> tuple[Case, Case]:
    fires = (Firing(labels, value),)
    return Case("fires", bad, {1: (), at: fires}), Case("all is well", fine, {at: (), QUIET: ()})


def all_of() -> tuple[Alert, ...]:
    """All of them, gravest first."""
    return (*_absent(), *_stuck(), *_wrong(), *_election(), *_intake(), *_limits())


def _down(job: str) -> tuple[Case, ...]:
    up = f"up{_ONE % job}"
    gone = (Firing({}, 0.0),)
    return (
        Case("fires", {up: flat(0)}, {1: (), 5: gone}),
        Case(
            "one that is left is enough",
            {up: flat(0), f'up{{job="{job}", instance="b"}}': flat(1)},
            {60: ()},
        ),
        Case("no data is the same as none", {}, {1: (), 5: gone}),
    )


def _absent() -> tuple[Alert, ...]:
    return (
        _alert(
            "KpiExporterDown", "critical", f'(sum(up{{job="{EXPORTER}"}}) or vector(0)) == 0',
            "No exporter answers: there are no numbers at all.",
            "Is `kpi exporter` running, and does Prometheus reach its port? Its log says why it ended.",
            *_down(EXPORTER), blinds=True, minutes=2,
        ),
        _alert(
            "KpiWorkersDown", "critical", f'(sum(up{{job="{WORKER}"}}) or vector(0)) == 0',
            "No worker answers: events are not being counted.",
            "Nothing is lost: events wait in Kafka. Start `kpi worker`; `kpi doctor` finds what is wrong "
            "with topics, rights and settings.",
            *_down(WORKER), blinds=True, minutes=2,
        ),
        _alert(
            "KpiWorkerDown", "warning", f'up{{job="{WORKER}"}} == 0',
            "Worker {instance} doesn't answer; others have its partitions.",
            "See its log. A worker ends by itself when a commit fails, and its supervisor starts it anew.",
            *_pair(
                {f"up{_ONE % WORKER}": flat(0)}, {f"up{_ONE % WORKER}": flat(1)}, 0.0, at=7,
                job=WORKER, instance="a",
            ),
            carried=("instance",),
        ),
        _alert(
            "KpiNoEvents", "critical",
            f"max(sum by (instance) (increase({metrics.TAKEN_IN.name}[5m]))) == 0",
            "No event has come in for half an hour.",
            "Does the shop send? Look at the topics in Kafka: if they grow, the workers are stuck "
            "(see their lag); if not, it is the shop's side.",
            *_pair(
                {f'{metrics.TAKEN_IN.name}{{topic="orders", instance="a"}}': flat(7)},
                {f'{metrics.TAKEN_IN.name}{{topic="orders", instance="a"}}': "0+10x75"},
                0.0, at=28,
            ),
            blinds=True, minutes=25,
        ),
        _alert(
            "KpiExporterNotReady", "warning", f"max({metrics.READY.name}) == 0",
            "No exporter has read all partitions to their end.",
            "After a start this takes seconds to minutes. If it stays: are all partitions assigned, and "
            "do workers commit? `/readyz` names the partitions that are missing.",
            *_pair(
                {f'{metrics.READY.name}{{instance="a"}}': flat(0)},
                {f'{metrics.READY.name}{{instance="a"}}': flat(1)}, 0.0, at=12,
            ),
            blinds=True, minutes=10,
        ),
    )  # fmt: skip


def _stuck() -> tuple[Alert, ...]:
    watermark = f'{metrics.WATERMARK.name}{{partition="2", instance="a"}}'
    taken = f'{metrics.TAKEN_IN.name}{{topic="orders", instance="a"}}'
    lag = f'{metrics.LAG.name}{{topic="orders", partition="0", instance="a"}}'
    applied = f'{metrics.APPLIED.name}{{partition="0", instance="a"}}'
    return (
        _alert(
            "KpiLagHigh", "warning", f"sum by (topic) ({metrics.LAG.name}) > 50000",
            "{value} records of {topic} wait in Kafka: values are not up to date.",
            "Add workers, up to the number of partitions, or wait if this is a backlog being read. "
            "See *Records taken* and *Time of a commit* on the dashboard.",
            *_pair({lag: flat(60_000.0)}, {lag: flat(50_000.0)}, 60_000.0, at=12, topic="orders"),
            blinds=True, carried=("topic",), minutes=10,
        ),
        _alert(
            "KpiWatermarkStalled", "critical",
            f"max by (partition) (changes({metrics.WATERMARK.name}[15m])) == 0\n"
            f"and on () sum(increase({metrics.TAKEN_IN.name}[15m])) > 0",
            "Event time stands still in partition {partition} although events come in.",
            "One input holds it back: a topic whose producer sends old timestamps, or a partition that "
            "no worker has. `kpi doctor` and `/api/v1/status` show each input's time.",
            Case("fires", {watermark: flat(9), taken: "0+10x75"}, {4: (), 25: (Firing({"partition": "2"}, 0.0),)}),
            Case("time goes on", {watermark: "9+60x75", taken: "0+10x75"}, {QUIET: ()}),
            Case("nothing comes in", {watermark: flat(9), taken: flat(7)}, {QUIET: ()}),
            blinds=True, carried=("partition",),
        ),
        _alert(
            "KpiCommitsStalled", "critical",
            f"time() - max by (partition) ({metrics.APPLIED.name}) > 300\n"
            f"and on (partition) sum by (partition) ({metrics.LAG.name}) > 0",
            "Partition {partition} hasn't committed for {value}, and records wait.",
            "A commit hangs or fails again and again. See the workers' logs, and whether the broker "
            "answers and has enough replicas in sync.",
            Case(
                "fires", {applied: flat(0), lag: flat(5)},
                {6: (), 20: (Firing({"partition": "0"}, 1_200.0),)},
            ),
            Case("it commits", {applied: "0+60x75", lag: flat(5)}, {QUIET: ()}),
            Case("nothing waits", {applied: flat(0), lag: flat(0)}, {QUIET: ()}),
            blinds=True, style=DURATION, carried=("partition",),
        ),
        _alert(
            "KpiPartitionsBehind", "warning", f"max({metrics.LAGGING.name}) > 0",
            "{value} partitions are more than a minute behind: values lack their newest events.",
            "Usually one worker is slow or restores its state. See *Behind the foremost partition*.",
            *_pair(
                {f'{metrics.LAGGING.name}{{instance="a"}}': flat(2)},
                {f'{metrics.LAGGING.name}{{instance="a"}}': flat(0)}, 2.0, at=12,
            ),
            blinds=True, minutes=10,
        ),
    )  # fmt: skip


def _outcomes(bad: str, share: int) -> Mapping[str, str]:
    return {
        f'{metrics.EVENTS.name}{{topic="orders", outcome="{bad}", instance="a"}}': f"0+{share}x75",
        f'{metrics.EVENTS.name}{{topic="orders", outcome="accepted", instance="a"}}': f"0+{100 - share}x75",
    }


def _share(which: str) -> str:
    name = metrics.EVENTS.name
    return (
        f"sum by (topic) (increase({name}{{outcome{which}}}[15m]))\n"
        f"/ (sum by (topic) (increase({name}[15m])) >= 100) > 0.05"
    )


def _wrong() -> tuple[Alert, ...]:
    unaccounted = f'{metrics.UNACCOUNTED.name}{{topic="orders", instance="a"}}'
    return (
        _alert(
            "KpiRejectsHigh", "warning", _share('=~"rejected|future"'),
            "{value} of the events of {topic} can't be used.",
            "The dead letters have each with its reason and its bytes. Often a producer has changed "
            "its format; compare with docs/reference, mend it, and send them again.",
            *_pair(_outcomes("rejected", 20), _outcomes("rejected", 5), 0.2, at=20, topic="orders"),
            blinds=True, style=PERCENT, carried=("topic",),
        ),
        _alert(
            "KpiLateHigh", "warning", _share('="late"'),
            "{value} of the events of {topic} come too late to count.",
            "A producer holds events back, or its clock is slow. Either mend it, or give the topic "
            "more time under `[shop.lateness]`, which needs a replay for the past.",
            *_pair(_outcomes("late", 20), _outcomes("late", 5), 0.2, at=20, topic="orders"),
            style=PERCENT, carried=("topic",),
        ),
        _alert(
            "KpiUnaccounted", "critical", f"max by (topic) ({metrics.UNACCOUNTED.name}) != 0",
            "{value} events of {topic} came in and have no outcome.",
            "This must never be: an event is accepted, duplicate, late, future or rejected. Keep the "
            "logs and the state's topics, and report it.",
            *_pair({unaccounted: flat(3)}, {unaccounted: flat(0)}, 3.0, at=17, topic="orders"),
            carried=("topic",), minutes=15,
        ),
        _alert(
            "KpiRestarts", "warning",
            'sum by (job) (changes(process_start_time_seconds{job=~"kpi-.+"}[1h])) > 3',
            "{job} has begun anew {value} times within an hour.",
            "See why it ended in its log: a broker that is away, memory, or a setting. Numbers stay "
            "exact; they only come later.",
            *_pair(
                {f"process_start_time_seconds{_ONE % WORKER}": "0+1x75"},
                {f"process_start_time_seconds{_ONE % WORKER}": flat(7)}, 30.0, at=30, job=WORKER,
            ),
            carried=("job",), minutes=1,
        ),
    )  # fmt: skip


def _election() -> tuple[Alert, ...]:
    name = metrics.ALERTS_ELECTED.name
    first, second = (f'{name}{{instance="{one}"}}' for one in "ab")
    return (
        _alert(
            "KpiAlertsNobodyElected", "warning", f"max({name}) == 0",
            "No exporter is elected to watch the thresholds: nothing is written to the alerts' topic.",
            "Prometheus' own alerts go on. Exporters say in their logs why alerts aren't evaluated: a "
            "topic that is missing (`kpi topics` creates it), a right on it or on the group, or a "
            "broker that is away. What was due is judged and written once somebody is elected, up to "
            "six hours back. With `evaluate = false` under `[alerting]` nobody is expected.",
            Case("fires", {first: flat(0), second: flat(0)}, {4: (), 7: (Firing({}, 0.0),)}),
            Case("one is elected", {first: flat(0), second: flat(1)}, {QUIET: ()}),
            Case("a hand-over takes a while", {first: "1 0 0 0 1+0x75"}, {QUIET: (), 4: ()}),
            Case("nobody takes part", {}, {QUIET: ()}),
        ),
    )  # fmt: skip


def _intake() -> tuple[Alert, ...]:
    """A shop without an intake has none of these series, and no alert."""
    events = metrics.INTAKE_EVENTS.name
    all_of_topic = f"sum by (topic) (increase({events}[15m]))"
    rejected = f'sum by (topic) (increase({events}{{status="rejected"}}[15m]))'

    def told(status: str, each_minute: int) -> dict[str, str]:
        labels = 'topic="orders", instance="a"'
        return {
            f'{events}{{status="accepted", {labels}}}': f"0+{100 - each_minute}x75",
            f'{events}{{status="{status}", {labels}}}': f"0+{each_minute}x75",
        }

    return (
        _alert(
            "KpiIntakeNotWriting", "critical",
            f'sum by (topic) (increase({events}{{status="not_written"}}[5m])) > 0',
            "{value} events of {topic} were not written within five minutes: senders have to come again.",
            "Kafka doesn't acknowledge in time. Does it answer, are all replicas in sync, is the disk "
            "full? `/readyz` of the intake and `kpi doctor` say more. Nothing is lost while senders "
            "send again what isn't acknowledged.",
            *_pair(told("not_written", 20), told("duplicate", 20), 100.0, at=12, topic="orders"),
            carried=("topic",),
        ),
        _alert(
            "KpiIntakeRejectsHigh", "warning", f"{rejected}\n/ ({all_of_topic} >= 100) > 0.05",
            "{value} of the events of {topic} that are sent to the intake are none.",
            "Each answer says what was expected; the sender has to be mended. Compare with "
            "docs/reference, and ask what has changed there.",
            *_pair(told("rejected", 20), told("rejected", 5), 0.2, at=20, topic="orders"),
            style=PERCENT, carried=("topic",),
        ),
    )  # fmt: skip


def _limits() -> tuple[Alert, ...]:
    left_out = f'{metrics.LEFT_OUT.name}{{family="kpi_visits_by_source", instance="a"}}'
    slow = f'{metrics.SCRAPE.name}{{instance="a"}}'
    folded = f'{metrics.FOLDED.name}{{fact="page", instance="a"}}'
    let_go = f'{metrics.LET_GO.name}{{what="visitors", instance="a"}}'
    return (
        _alert(
            "KpiLabelsFolded", "warning",
            f"max by (fact) (increase({metrics.FOLDED.name}[15m])) > 0",
            "{value} additions to {fact} counted under __other__ within a quarter of an hour.",
            "A label has more values than there is room for; sums over all stay exact. Usually ids got "
            "into it (a path with a session, a campaign of each click): mend the producer or its "
            "mapping. If the values are meant, raise `pane_cells` under `[shop]`.",
            *_pair({folded: "0+10x75"}, {folded: flat(7)}, 150.0, at=20, fact="page"),
            carried=("fact",),
        ),
        _alert(
            "KpiJourneysLetGo", "warning",
            f"max by (what) (increase({metrics.LET_GO.name}[15m])) > 0",
            "{value} {what} were let go within a quarter of an hour, because there are too many.",
            "Who comes back counts as new; what refers to one that was let go doesn't find it. If these "
            "are bots with ids of their own, let the shop mark them (`is_bot`) or leave them out. If they "
            "are customers, raise `most_journeys` under `[shop]`, and the workers' memory with it (about "
            "520 bytes each), or shorten how long they are kept.",
            *_pair({let_go: "0+10x75"}, {let_go: flat(7)}, 150.0, at=20, what="visitors"),
            carried=("what",),
        ),
        _alert(
            "KpiBreakdownsLeftOut", "warning", f"count(max by (family) ({metrics.LEFT_OUT.name})) > 0",
            "{value} breakdowns don't fit under the limit of series.",
            "Raise `max_series`, lower `top_labels`, or leave out windows, under `[exporter]`.",
            *_pair({left_out: flat(1)}, {slow: flat(0.1)}, 1.0, at=17),
            minutes=15,
        ),
        _alert(
            "KpiScrapeSlow", "warning", f"max by (instance) ({metrics.SCRAPE.name}) > 5",
            "It takes {value} to evaluate all KPIs for one scrape.",
            "Fewer `windows` or `breakdown_windows`, or a lower `top_labels`, under `[exporter]`.",
            *_pair({slow: flat(6.0)}, {slow: flat(5.0)}, 6.0, at=17, instance="a"),
            style=DURATION, minutes=15,
        ),
    )  # fmt: skip

"""What a run found: numbers for machines (`build/bench.json`) and a table for people."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Round = Mapping[str, float]


class Goal(NamedTuple):
    """What a number has to be."""

    key: str
    words: str
    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


GOALS = (
    Goal("ratio_to_limit", "this worker / fetching and decoding only, per CPU second", least=0.15),
    Goal("ratio_to_plain_faust", "this worker / plain Faust, per CPU second", least=25.0),
    Goal("restore_records_per_second", "changelog records restored a second", least=100_000.0),
    Goal("rss_mb", "resident memory of the worker with all visitors, MB, at most", most=400.0),
    Goal("fresh_p99_seconds", "from sent to visible on /metrics, 99 of 100, seconds", most=3.0),
    Goal("scrape_cpu_s", "a scrape of the demo's shop at the default, CPU seconds", most=0.5),
)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Least, median and most."""
    known = list(values)
    return {"min": min(known), "median": statistics.median(known), "max": max(known)}


def speeds(rounds: Sequence[Round]) -> dict[str, Any]:
    """Events a second and a CPU second, and every raw number of the rounds."""
    names = dict.fromkeys(name for each in rounds for name in each)
    return {
        "events_per_second": spread(each["events"] / each["wall_s"] for each in rounds),
        "events_per_cpu_second": spread(each["events"] / each["cpu_s"] for each in rounds),
        **{name: spread(each[name] for each in rounds if name in each) for name in names},
        "rounds": list(rounds),
    }


def machine() -> dict[str, Any]:
    """Where it was measured."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            x.split(":")[1].strip() for x in info.read_text().splitlines() if "model name" in x
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_average_before": os.getloadavg()[0],
    }


def write(file: Path, result: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")


def table(result: Mapping[str, Any]) -> str:
    """The run on one screen."""
    at = result["machine"]
    of_rounds = f"median of {result['sizes']['rounds']} (least-most)"
    lines = [
        "{cores} cores of {cpu}, Python {python}, load {load_average_before:.1f} before".format(
            **at
        ),
        "",
        f"{of_rounds:40}{'events/s':>12}{'events per CPU second':>34}{'CPU µs':>9}",
    ]
    for name, key in (
        ("(a) fetching and decoding only", "limit"),
        ("(b) this worker, all KPIs, exactly once", "worker"),
        ("(c) plain Faust, one table write", "plain_faust"),
    ):
        if key in result:
            lines.append(_speed_line(name, result[key]))
    lines += [""] + [_goal_line(goal, result[goal.key]) for goal in GOALS if goal.key in result]
    return "\n".join(lines)


def _speed_line(name: str, speed: Mapping[str, Any]) -> str:
    per_cpu = speed["events_per_cpu_second"]
    least_most = f"({per_cpu['min']:,.0f}-{per_cpu['max']:,.0f})"
    return (
        f"{name:40}{speed['events_per_second']['median']:>12,.0f}"
        f"{per_cpu['median']:>14,.0f}{least_most:>20}{1e6 / per_cpu['median']:>9.2f}"
    )


def _goal_line(goal: Goal, value: Any) -> str:
    values = value if isinstance(value, Mapping) else {"": value}
    shown = ", ".join(f"{name} {each:,.2f}".strip() for name, each in values.items())
    wanted = f">= {goal.least:,.4g}" if goal.least is not None else f"<= {goal.most:,.4g}"
    fine = all(goal.holds(each) for each in values.values())
    return f"{'ok  ' if fine else 'MISS'} {goal.words:60} {shown}  (wanted {wanted})"


def skew_line(told: Mapping[str, float]) -> str:
    """One visitor with half of all events, beside the same events of many in order."""
    return (
        "one visitor with half of all events: {skew_ratio:.2f} x the CPU time of many, and "
        "{skew_disorder_ratio:.2f} x out of order (many: {even_disorder_ratio:.2f} x)".format(
            **told
        )
    )


def groups_table(told: Mapping[str, Any]) -> str:
    """What topics and groups of KPIs cost; groups share facts, so that theirs overlap."""
    lines = [
        "",
        f"one shard, all topics, no Kafka: {told['cpu_us_per_event']:.1f} CPU µs an event",
        f"{'topic':24}{'events':>10}{'CPU µs an event of it':>24}{'share':>8}",
    ]
    for name, topic in told["topics"].items():
        cost = topic["cpu_us_per_event"]
        lines.append(f"{name:24}{topic['events']:>10,}{cost:>24.1f}{topic['share']:>8.1%}")
    lines.append(f"{'the cut, without panes':58}{told['cut']['share']:>8.1%}")
    lines.append(f"{'panes':58}{told['panes']['share']:>8.1%}")
    lines.append(
        f"{'group':24}{'KPIs':>10}{'panes, CPU µs an event':>24}{'share':>8}{'scrape, ms':>12}"
    )
    for name, group in told["kpi_groups"].items():
        cost = group["panes_cpu_us_per_event"]
        lines.append(
            f"{name:24}{group['kpis']:>10}{cost:>24.2f}{group['share']:>8.1%}"
            f"{group['scrape_cpu_ms']:>12.0f}"
        )
    return "\n".join(lines)


def intake_table(told: Mapping[str, Any]) -> str:
    """What a post costs, beside the bare producer."""
    lines = [
        "",
        "events over HTTP, acknowledged by Kafka (the client takes CPU time too, and isn't counted)",
        f"{'':24}{'posts/s':>10}{'events/s':>12}{'events per CPU second':>24}{'ratio':>9}",
    ]
    for words, key, ratio in (
        ("one event a post", "one", told["one_ratio"]),
        ("a hundred events a post", "hundred", told["hundred_ratio"]),
        ("the bare producer", "bare", 1.0),
    ):
        one = told[key]
        posts = f"{one['posts'] / one['wall_s']:,.0f}" if "posts" in one else ""
        lines.append(
            f"{words:24}{posts:>10}{one['events'] / one['wall_s']:>12,.0f}"
            f"{one['events'] / one['cpu_s']:>24,.0f}{ratio:>9.1%}"
        )
    return "\n".join(lines)


def profile_table(sampled: Mapping[str, Mapping[str, float]], round_: Round) -> str:
    """Where the worker's CPU time went, by part and by function."""
    events = round_["events"]
    parts = sampled["parts"]
    total = sum(seconds for part, seconds in parts.items() if part != "(sampler)")
    written = f"{round_['records_written']:,.0f} records written"
    count = round_["commit_seconds_count"]
    commits = f"{count:.0f} commits of {round_['commit_seconds_sum'] / count:.2f} s"
    lines = [
        f"{events:,.0f} events, {round_['cpu_s']:.1f} CPU s after the start, {commits}",
        f"{events / round_['batches']:,.0f} events a batch, {written}",
        "",
        f"{'part':34}{'CPU s':>8}{'share':>8}{'µs an event':>13}",
    ]
    for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        lines.append(f"{part:34}{seconds:8.2f}{seconds / total:8.1%}{seconds / events * 1e6:13.2f}")
    lines += ["", f"{'innermost Python function':60}{'CPU s':>8}{'share':>8}"]
    for line, seconds in list(sampled["lines"].items())[:25]:
        lines.append(f"{line:60}{seconds:8.2f}{seconds / total:8.1%}")
    lines += ["", f"{'function of the core, with what it calls':60}{'CPU s':>8}{'share':>8}"]
    for line, seconds in list(sampled["calls"].items())[:30]:
        lines.append(f"{line:60}{seconds:8.2f}{seconds / total:8.1%}")
    lines += ["", "memory, from the process's start"]
    lines += [f"{name:60}{number:10,.2f}" for name, number in sampled["memory"].items()]
    return "\n".join(lines)

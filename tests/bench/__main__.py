"""`make bench`: how fast this is beside what it stands on, from one run; see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from kpi_windows.events import TOPICS
from tests.bench import clickstream, fresh, posts, report, worker
from tests.bench.processes import REPOSITORY, measured
from tests.bench.sizes import CLICKS, PARTITIONS, PLAIN, UNHURRIED, Sizes
from tests.kafka.broker import KafkaBroker, why_not

_QUICK = Sizes(
    visitors=20_000,
    events=240_000,
    events_per_second=64,
    plain_events=5_000,
    rounds=1,
    fresh_rate=2_000,
    fresh_seconds=10,
    fresh_warm_up_seconds=10,
    fresh_visitors=20_000,
    group_events=20_000,
    posts=2_000,
)


def say(words: str) -> None:
    """Progress, apart from the result."""
    print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)


class Bench:
    """One run."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self.sizes = sizes
        self.folder = folder
        self.result: dict[str, Any] = {"sizes": asdict(sizes), "machine": report.machine()}

    def speed(self) -> None:
        """Contestants in turns over one log, then what the last worker left behind."""
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            self._fill(broker)
            rounds = self._rounds(broker)
            for name, measured_rounds in rounds.items():
                self.result[name] = report.speeds(measured_rounds)
            self._restore(broker)
        self._ratios()

    def _fill(self, broker: KafkaBroker) -> None:
        say(f"writing {self.sizes.events:,} simulated clicks into Kafka")
        clickstream.fill(broker, self.sizes)
        self.ends = clickstream.ends(broker.bootstrap, CLICKS)

    def _rounds(self, broker: KafkaBroker) -> dict[str, list[dict[str, float]]]:
        rounds: dict[str, list[dict[str, float]]] = {"limit": [], "worker": [], "plain_faust": []}
        for number in range(self.sizes.rounds + 1):
            say(f"round {number} of {self.sizes.rounds}" if number else "warm-up")
            for name, measure in (
                ("limit", self._limit),
                ("worker", self._worker),
                ("plain_faust", self._plain),
            ):
                measured_round = measure(broker, number)
                per_cpu = measured_round["events"] / measured_round["cpu_s"]
                say(f"  {name}: {per_cpu:,.0f} events per CPU second")
                if number:
                    rounds[name].append(measured_round)
        return rounds

    def _limit(self, broker: KafkaBroker, _number: int) -> dict[str, float]:
        events = sum(self.ends.values())
        return measured("tests.bench.limit", broker.bootstrap, CLICKS, PARTITIONS, events)

    def _worker(self, broker: KafkaBroker, number: int) -> dict[str, float]:
        if number:
            _drop(broker, number - 1)
        return worker.measure(
            broker.bootstrap, f"bench-{number}", self.folder / f"worker-{number}", self.ends
        )

    def _plain(self, broker: KafkaBroker, number: int) -> dict[str, float]:
        return measured(
            "tests.bench.plain_faust",
            *(f"plain-{number}", broker.bootstrap, PLAIN, PARTITIONS),
            min(self.sizes.plain_events, self.sizes.events),
            self.folder / f"plain-{number}",
        )

    def _restore(self, broker: KafkaBroker) -> None:
        app_id = f"bench-{self.sizes.rounds}"
        say("reading back the last worker's state")
        self.result["restored_worker"] = worker.restored(
            broker.bootstrap, app_id, self.folder / "restored"
        )
        restores = [
            measured("tests.bench.restoring", broker.bootstrap, app_id, PARTITIONS)
            for _ in range(max(1, self.sizes.rounds))
        ]
        self.result["restore"] = {
            "records_per_second": report.spread(r["records"] / r["wall_s"] for r in restores),
            "records_per_cpu_second": report.spread(r["records"] / r["cpu_s"] for r in restores),
            "rounds": restores,
        }

    def _ratios(self) -> None:
        result = self.result
        per_cpu = {
            name: result[name]["events_per_cpu_second"]["median"]
            for name in ("limit", "worker", "plain_faust")
        }
        result["ratio_to_limit"] = per_cpu["worker"] / per_cpu["limit"]
        result["ratio_to_plain_faust"] = per_cpu["worker"] / per_cpu["plain_faust"]
        result["restore_records_per_second"] = result["restore"]["records_per_second"]["median"]
        result["rss_mb"] = result["worker"]["rss_peak_mb"]["max"]

    def fresh(self) -> None:
        """On a broker of its own, so that only live events are there."""
        say(
            f"freshness at {self.sizes.fresh_rate:,} events a second for "
            f"{self.sizes.fresh_seconds} s"
        )
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            found = fresh.measure(broker.bootstrap, self.sizes, self.folder / "fresh")
        self.result["fresh"] = found
        self.result["fresh_p99_seconds"] = {
            "probe": found["probe_p99_s"],
            "exporter": found["exporter_p99_s"],
        }

    def groups(self) -> None:
        """Without a broker: what each topic and each group of KPIs costs."""
        say("what each group of KPIs costs")
        self.result["groups"] = measured("tests.bench.groups", self.sizes.group_events)
        say("what a visitor with half of all events costs")
        self.result["skew"] = measured("tests.bench.skew", self.sizes.skew_events)

    def scrapes(self) -> None:
        """Without a broker: what a scrape of the demo's shop costs."""
        say("what a scrape costs")
        found = measured("tests.bench.scrapes")
        self.result["scrapes"] = found
        self.result["scrape_cpu_s"] = {
            "cold": found["cold_cpu_s"]["median"],
            "warm": found["warm_cpu_s"]["median"],
        }

    def intake(self) -> None:
        """Events over HTTP, on a broker of their own."""
        say(f"{self.sizes.posts:,} posts to the intake")
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            broker.create_topics(TOPICS, partitions=PARTITIONS)
            found = posts.measure(broker.bootstrap, self.folder / "intake", self.sizes.posts)
        self.result["intake"] = found

    def profile(self) -> str:
        """One worker, warm page cache, under the sampler."""
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            self._fill(broker)
            limit = self._limit(broker, 0)
            file = self.folder / "samples.json"
            command = (sys.executable, "-m", "tests.bench.sampled", str(file))
            found = worker.measure(
                broker.bootstrap, "profile", self.folder / "worker", self.ends, command, "--once"
            )
        sampled = json.loads(file.read_text())
        self.result["profile"] = {**sampled, "round": found, "limit": limit}
        ratio = (found["events"] / found["cpu_s"]) / (limit["events"] / limit["cpu_s"])
        return (
            report.profile_table(sampled, found)
            + f"\n\n{ratio:.3f} of the limit ({limit['cpu_s'] / limit['events'] * 1e6:.2f} µs an "
            f"event, {limit['decode_cpu_s'] / limit['events'] * 1e6:.2f} of it decoding)"
        )


def _drop(broker: KafkaBroker, number: int) -> None:
    topics = ("state", "panes", "forwarded", "dead-letters")
    clickstream.drop(broker.bootstrap, [f"bench-{number}-{topic}" for topic in topics])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small and short: does it run?")
    for each in fields(Sizes):
        flag = "--" + each.name.replace("_", "-")
        parser.add_argument(flag, type=type(each.default), help=f"[{each.default:,}]")
    parser.add_argument(
        "--only",
        choices=("speed", "fresh", "intake"),
        help="leave the other parts out, and their keys",
    )
    parser.add_argument(
        "--profile", action="store_true", help="only say where the worker's time goes"
    )
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build" / "bench.json")
    return parser.parse_args()


def main() -> None:
    """Runs what was asked for; missing a goal is told, not an error: machines differ."""
    told = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    missing = why_not()
    if missing:
        sys.exit(missing)
    changes = {f.name: v for f in fields(Sizes) if (v := getattr(told, f.name)) is not None}
    sizes = replace(_QUICK if told.quick else Sizes(), **changes)
    with tempfile.TemporaryDirectory(prefix="kpi-bench-") as folder:
        bench = Bench(sizes, Path(folder))
        if told.profile:
            print(bench.profile())
            return
        for part in ("speed", "fresh", "intake"):
            if told.only in (None, part):
                getattr(bench, part)()
        if told.only != "intake":
            bench.groups()
            bench.scrapes()
    report.write(told.json, bench.result)
    print(report.table(bench.result))
    if "groups" in bench.result:
        print(report.groups_table(bench.result["groups"]))
        print(report.skew_line(bench.result["skew"]))
    if "intake" in bench.result:
        print(report.intake_table(bench.result["intake"]))
    say(f"all numbers: {told.json}")


if __name__ == "__main__":
    main()

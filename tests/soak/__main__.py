"""`make soak`: half of the maximum rate for half an hour or more; see docs/benchmarks.md, Soak.

A real broker, `kpi worker`, `kpi exporter`, a scrape each ten seconds, clicks at a steady rate, and
beside them the rest of a whole small shop, so that every topic has events.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from kpi_windows.events import TOPICS
from tests.bench import clickstream, report, worker
from tests.bench.processes import KPI, REPOSITORY, Kpi, get, until
from tests.bench.sizes import CLICKS, PARTITIONS, UNHURRIED
from tests.kafka.broker import KafkaBroker, why_not
from tests.soak import verdict
from tests.soak.samples import Sample, Sampler

_EACH_S = 10.0
_ROUND_S = 600
"""Seconds of clicks that are made before, a visit of each visitor; then the same visitors come again. A
visit takes five minutes, and is settled before its visitor's next."""
_OUTCOME = re.compile(
    r'^kpi_processor_events_total{outcome="(\w+)",topic="clickstream"} (\S+)$', re.MULTILINE
)
_WATERMARK = re.compile(r"^kpi_processor_watermark_timestamp_seconds{.*} \S+$", re.MULTILINE)
_KEPT = {"shop_minute_panes": "1h", "shop_lateness": "default=2m", "shop_visit_gap": "30s"}
"""What a shop keeps for days is kept for an hour, and visits end before their visitors come again:
else it would rightly grow all the time."""
_MAY_NOT_COUNT = 0.01
"""Of the clicks; 1 % of them come twice, and those count as duplicates."""
_ELSEWHERE = "clicks-beside"
_FOR_EVER_S = 1_000_000
_INPUT = {"retention.bytes": str(512 << 20), "segment.bytes": str(32 << 20)}


def say(words: str) -> None:
    """Progress, apart from the result."""
    print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Whatever happens: terminated, and waited for."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


def _clicks(bootstrap: str, rate: int, file: Path) -> subprocess.Popen[str]:
    """From now on, until they are ended."""
    told = (bootstrap, rate, _FOR_EVER_S, rate * _ROUND_S // 12, file, _ROUND_S)
    command = [sys.executable, "-m", "tests.bench.pace", *map(str, told)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def _shop(bootstrap: str, folder: Path, visits: int) -> subprocess.Popen[str]:
    """Its own clicks go elsewhere: they are of now, and beside them those before would be late."""
    settings = folder / "shop-beside.toml"
    settings.write_text(f'[kafka.topics]\nclickstream = "{_ELSEWHERE}"\n')
    command = [*KPI, "simulate", "--live", "--to-kafka", "--visits", str(visits), "--seed", "5"]
    told = ["--bootstrap-servers", bootstrap, "--config", str(settings)]
    with (folder / "simulate.log").open("w") as log:
        return subprocess.Popen([*command, *told], cwd=folder, stdout=log, stderr=log, text=True)


class Soak:
    """One run."""

    def __init__(self, told: argparse.Namespace, folder: Path) -> None:
        self._told = told
        self._folder = folder

    def run(self) -> dict[str, Any]:
        told = self._told
        machine = report.machine()
        most = told.maximum
        if most is None:
            say("measuring the maximum rate")
            most = worker.maximum(self._folder, told.maximum_events)
        rate = told.rate or int(most / 2)
        say(f"the maximum is {most:,.0f} events a second; soaking at {rate:,}")
        found = self._soak(rate)
        late = [each for each in found["samples"] if each["at_s"] >= found["full_s"]]
        judged = verdict.judge(late)
        summary = {
            "minutes": told.minutes,
            "fill": told.fill,
            "maximum": most,
            "rate": rate,
            "cores": machine["cores"],
            "load": machine["load_average_before"],
            "events": found["sent"],
            "cores_used": _cores_used(late, found["processes"]),
        }
        return {
            "machine": machine,
            **summary,
            "flat": all(each.flat for each in judged),
            "judged": [{**each._asdict(), "flat": each.flat} for each in judged],
            "markdown": verdict.markdown(judged, summary),
            "samples": found["samples"],
            "clicks": found["clicks"],
        }

    def _soak(self, rate: int) -> dict[str, Any]:
        told = self._told
        with KafkaBroker(extra_properties=UNHURRIED) as broker, ExitStack() as stack:
            broker.create_topics((*TOPICS, _ELSEWHERE), partitions=PARTITIONS, config=_INPUT)
            settings = {**worker.settings_of(broker.bootstrap, "soak"), **_KEPT}
            works, serves = (
                stack.enter_context(Kpi(*command, folder=self._folder, settings=settings))
                for command in (("worker", "--create-topics"), ("exporter",))
            )
            until("the worker begins", lambda: works.said(worker.RESTORED), 60)
            urls = [each.url() + "/metrics" for each in (works, serves)]
            say(f"making {_ROUND_S} s of clicks")
            clicks = _clicks(broker.bootstrap, rate, self._folder / "clicks")
            stack.enter_context(ended(clicks))
            assert clicks.stdout is not None
            assert clicks.stdout.readline().strip() == "sending"
            # What comes first tells the time, and the shop's events are of now.
            until("clicks tell the time", lambda: _partitions(urls[1]) == PARTITIONS, 60)
            shop = _shop(broker.bootstrap, self._folder, told.visits)
            stack.enter_context(ended(shop))
            processes = _processes(works, serves, broker)
            sampler = Sampler(processes, urls[0], urls[1], broker.folder)
            say(f"filling what is kept for an hour: {told.fill:g} minutes")
            runs = sampler, works, serves
            full_s = self._sample(
                lambda last: last["lag"] < 5 * rate and last["at_s"] >= told.fill * 60,
                *runs,
            )
            say(f"full, and live; {told.minutes:g} minutes from now on are judged")
            self._sample(lambda last: last["at_s"] >= full_s + told.minutes * 60, *runs)
            clicks.terminate()
            sent_by = json.loads(clicks.stdout.read().strip().splitlines()[-1])
            shop.terminate()
            shop.wait(30)
            say("all is sent; waiting until all is counted")
            sent = sum(clickstream.ends(broker.bootstrap, CLICKS).values())
            until("all is counted", lambda: sum(_outcomes(urls[1]).values()) == sent, 600, 1.0)
            _refuse_uncounted(urls[1])
        return {
            "sent": sent,
            "clicks": sent_by,
            "full_s": full_s,
            "samples": sampler.samples,
            "processes": list(processes),
        }

    def _sample(self, is_done: Callable[[Sample], bool], sampler: Sampler, *runs: Kpi) -> float:
        """Until the last sample says so; returns when that was."""
        began = time.monotonic()
        for number in count(1):
            time.sleep(max(0.0, began + number * _EACH_S - time.monotonic()))
            for each in runs:
                each.runs()
            sample = sampler.take()
            if number % 6 == 0:
                say(_line(sample))
                _refuse_uncounted(runs[1].url() + "/metrics")
            if is_done(sample):
                break
        return sampler.samples[-1]["at_s"]


def _line(sample: Sample) -> str:
    return (
        "{:4.0f} min  worker {:6.0f} MB, exporter {:6.0f} MB, lag {:7,.0f}, visible after "
        "{:.1f} s (p99)".format(
            sample["at_s"] / 60,
            sample["worker.rss_mb"],
            sample["exporter.rss_mb"],
            sample["lag"],
            sample.get("delay_p99_s", float("nan")),
        )
    )


def _processes(works: Kpi, serves: Kpi, broker: KafkaBroker) -> dict[str, psutil.Process]:
    supervisor, child = works.processes()[:2]
    return {
        "worker": child,
        "supervisor": supervisor,
        "exporter": serves.processes()[0],
        "broker": psutil.Process(broker.pid),
    }


def _outcomes(url: str) -> dict[str, float]:
    """What became of the clicks that the exporter has."""
    return {outcome: float(count) for outcome, count in _OUTCOME.findall(get(url))}


def _partitions(url: str) -> int:
    """How many the exporter knows the time of."""
    return len(_WATERMARK.findall(get(url)))


def _refuse_uncounted(url: str) -> None:
    """A soak of events that don't count would show nothing."""
    told = _outcomes(url)
    refused = sum(told.values()) - told.get("accepted", 0.0) - told.get("duplicate", 0.0)
    if refused > _MAY_NOT_COUNT * sum(told.values()):
        sys.exit(f"{refused:,.0f} clicks don't count, so this is no soak: {told}")


def _cores_used(samples: Sequence[Sample], names: Iterable[str]) -> dict[str, float]:
    first, last = samples[0], samples[-1]
    seconds = last["at_s"] - first["at_s"]
    return {name: (last[f"{name}.cpu_s"] - first[f"{name}.cpu_s"]) / seconds for name in names}


def arguments() -> argparse.Namespace:
    """As `make soak ARGS="…"` has them."""
    parser = argparse.ArgumentParser(
        prog="make soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long [30]")
    parser.add_argument("--fill", type=float, default=62.0, help="minutes before these [62]")
    parser.add_argument("--maximum", type=float, help="events/s live, instead of measuring it")
    parser.add_argument("--maximum-events", type=int, default=1_200_000, help="for measuring it")
    parser.add_argument("--rate", type=int, help="events a second, instead of half the maximum")
    parser.add_argument("--visits", type=int, default=3_000, help="of the whole shop, an hour")
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build" / "soak.json")
    return parser.parse_args()


def main() -> None:
    """Exit code 1 when something isn't flat."""
    told = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    missing = why_not()
    if missing:
        sys.exit(missing)
    with tempfile.TemporaryDirectory(prefix="kpi-soak-") as folder:
        found = Soak(told, Path(folder)).run()
    report.write(told.json, found)
    print(found["markdown"])
    say(f"all samples: {told.json}")
    sys.exit(0 if found["flat"] else 1)


if __name__ == "__main__":
    main()

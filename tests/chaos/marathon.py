"""A run of faults on the whole product, drawn from a seed; at checkpoints everything must be equal.

    python -m tests.chaos.marathon --faults 200           on three brokers, then on one
    python -m tests.chaos.marathon --seed 7 --brokers 3 --only "network cut"

It writes build/chaos-BROKERS.json, and prints the same as a table; all logs stay beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.chaos.faults import FAULTS, Fault, drawn
from tests.chaos.harness import REPOSITORY
from tests.chaos.stage import WAYS, Stage
from tests.kafka.broker import why_not
from tests.kafka.cluster import KafkaCluster

BUILD = REPOSITORY / "build"
EACH = 25
"""Faults between two checkpoints."""
_WAITS = 0.6
"""How often the next fault waits until all has recovered from the one before."""


def play(
    seed: int,
    faults: int,
    brokers: int,
    folder: Path,
    *,
    each: int = EACH,
    rate: float = 400.0,
    only: Fault | None = None,
) -> dict[str, Any]:
    """A run; returns its report, in which `difference` is None when all was equal."""
    told: dict[str, Any] = {
        "seed": seed,
        "brokers": brokers,
        "faults": [],
        "checkpoints": [],
        "difference": None,
    }
    began = time.monotonic()
    print(f"chaos: seed {seed}, {faults} faults, {brokers} brokers, logs in {folder}", flush=True)
    try:
        with (
            KafkaCluster(brokers, ways=WAYS) as cluster,
            Stage(cluster, f"chaos-{seed}-{brokers}", folder, seed=seed) as stage,
        ):
            stage.begin(random.Random(seed).randint(1, 3), rate)
            for number in range(1, faults + 1):
                _befall(stage, told, number, only)
                if number % each == 0 or number == faults:
                    _check(stage, told, number)
            told["events"] = stage.till.written
            told["requests repeated"] = stage.till.repeated
            told["ends"] = {s.name: s.ends for s in (stage.intake, *stage.exporters)}
            stage.finish()
    except Exception as error:
        told["difference"] = f"{type(error).__name__}: {error}"
    told["took_s"] = round(time.monotonic() - began, 1)
    return told


def _befall(stage: Stage, told: dict[str, Any], number: int, only: Fault | None) -> None:
    fault, chance = drawn(told["seed"], number, told["brokers"])
    fault = only or fault
    began = time.monotonic()
    line: dict[str, Any] = {"number": number, "fault": fault.name}
    told["faults"].append(line)
    line["what"] = fault.act(stage, chance)
    line["took_s"] = round(time.monotonic() - began, 1)
    if chance.random() < _WAITS:
        line["recovered_s"] = round(stage.recovered(), 1)
    print(_line(line), flush=True)


def _check(stage: Stage, told: dict[str, Any], number: int) -> None:
    began = time.monotonic()
    line: dict[str, Any] = {"after": number}
    told["checkpoints"].append(line)
    line["equal"] = stage.checkpoint()
    line["took_s"] = round(time.monotonic() - began, 1)
    equal = ", ".join(f"{count:,} {what}" for what, count in line["equal"].items())
    print(f"     checkpoint: equal are {equal} ({line['took_s']} s)", flush=True)


def _line(line: dict[str, Any]) -> str:
    waited = f", recovered in {line['recovered_s']} s" if "recovered_s" in line else ""
    return f"{line['number']:4} {line['fault']}: {line['what']} ({line['took_s']} s{waited})"


def table(told: dict[str, Any]) -> str:
    """The report, to read."""
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in told["faults"]:
        by_kind[line["fault"]].append(line)
    rows = [f"{'fault':60} {'times':>5} {'recovered after s: median':>26} {'most':>6}"]
    for name, lines in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        waits = sorted(line["recovered_s"] for line in lines if "recovered_s" in line)
        middle, most = (f"{waits[len(waits) // 2]}", f"{waits[-1]}") if waits else ("", "")
        rows.append(f"{name:60} {len(lines):>5} {middle:>26} {most:>6}")
    found = told["difference"] or "no difference"
    rows.append(
        f"{len(told['faults'])} faults, {len(told['checkpoints'])} checkpoints, "
        f"{told.get('events', 0):,} events, {told['took_s']} s, seed {told['seed']}, "
        f"{told['brokers']} brokers: {found}"
    )
    return "\n".join(rows)


def main() -> int:
    """Plays, reports, and fails when anything differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--faults", type=int, default=200, help="on each kind of cluster")
    parser.add_argument("--each", type=int, default=EACH, help="faults between checkpoints")
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="default: 3, then 1")
    parser.add_argument("--rate", type=float, default=400.0, help="events a second")
    parser.add_argument("--only", choices=[fault.name for fault in FAULTS])
    asked = parser.parse_args()
    if missing := why_not():
        sys.exit(missing)
    only = next((fault for fault in FAULTS if fault.name == asked.only), None)
    failed = False
    for brokers in [asked.brokers] if asked.brokers else [3, 1]:
        folder = BUILD / f"chaos-{brokers}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        told = play(
            asked.seed, asked.faults, brokers, folder, each=asked.each, rate=asked.rate, only=only
        )
        (BUILD / f"chaos-{brokers}.json").write_text(json.dumps(told, indent=1))
        print(table(told), flush=True)
        failed |= told["difference"] is not None
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""`make fuzz`: every target, guided by coverage, each in its own process; what fails is kept.

    make fuzz ARGS="--seconds 60"                  each of the targets for a minute, two at once
    make fuzz ARGS="--runs 1000000 --only events"  so many inputs
    make fuzz ARGS="--repeat build/fuzz/events/crash-…"

Fails when an input raised, took longer than its limit or when memory grew beyond its bound.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import NAMES, target

HOME = Path("build/fuzz")
WORTH = {"events": 4}
"""The share of the time that a target gets, others 1: these are the fastest."""
_LONGEST = 16_384
_LIMIT_S = 10
_RSS_MB = 2_048
_GROWTH_MB = 100
"""Of memory since it was warm, the fuzzer's own corpus included."""


@dataclass
class Outcome:
    """What became of a target."""

    name: str
    inputs: int
    seconds: float
    coverage: str
    growth_mb: float
    rss_mb: float
    failed: str
    kept: list[Path]

    def line(self) -> str:
        """For the table."""
        a_second = self.inputs / max(self.seconds, 0.001)
        return (
            f"{self.name:16} {self.inputs:>12,} {a_second:>9,.0f} {self.coverage:>9} "
            f"{self.rss_mb:>8,.0f} {self.growth_mb:>+8,.1f}  {self.failed or 'fine'}"
        )


def fuzz(name: str, how: str, runs: int, seconds: int) -> Outcome:
    """One target, until its runs or seconds are over or something fails.

    `how` inputs are changed: as bytes, by libFuzzer; or as JSON, by ourselves.
    """
    folder = HOME / name
    seeds, corpus = folder / "seeds", folder / f"corpus-{how}"
    for each in (seeds, corpus):
        each.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target(name).seeds()):
        (seeds / f"{number:04d}").write_bytes(seed)
    before = set(_kept(folder))
    status, log = folder / f"status-{how}.json", folder / f"log-{how}.txt"
    command = [
        sys.executable, "-m", "tests.fuzz.child", name, how, str(status),
        f"-artifact_prefix={folder}/", f"-timeout={_LIMIT_S}", f"-rss_limit_mb={_RSS_MB}",
        f"-max_len={_LONGEST}", "-len_control=0", "-print_final_stats=1", "-reload=0",
        *([f"-runs={runs}"] if runs else []), *([f"-max_total_time={seconds}"] if seconds else []),
        str(corpus), str(seeds),
    ]  # fmt: skip
    with log.open("wb") as to:
        code = subprocess.run(command, stdout=to, stderr=subprocess.STDOUT, check=False).returncode
    told = json.loads(status.read_text(encoding="utf-8")) if status.exists() else {}
    words = log.read_text(encoding="utf-8", errors="replace")
    done = re.findall(r"stat::number_of_executed_units: *(\d+)", words)
    coverage = re.findall(r"cov: (\d+)", words)
    growth_mb = (told.get("rss", 0) - told.get("warm_rss", 0)) / 2**20
    kept = [each for each in _kept(folder) if each not in before]
    failed = f"ended with {code}, see {log}" if code or kept else ""
    if not failed and growth_mb > _GROWTH_MB:
        failed = f"memory grew by more than {_GROWTH_MB} MB"
    return Outcome(
        f"{name} {how}",
        int(done[-1]) if done else told.get("inputs", 0),
        told.get("seconds", 0.0),
        coverage[-1] if coverage else "?",
        growth_mb,
        told.get("rss", 0) / 2**20,
        failed,
        kept,
    )


def _kept(folder: Path) -> list[Path]:
    return [path for kind in ("crash-", "timeout-", "oom-") for path in folder.glob(f"{kind}*")]


def repeat(path: Path) -> int:
    """An input that was kept, once more and without the fuzzer."""
    try:
        target(path.resolve().parent.name).attempt(path.read_bytes())
    except BaseException:
        traceback.print_exc()
        return 1
    print(f"{path}: fine")
    return 0


def ways(name: str) -> tuple[str, ...]:
    """How its inputs are worth changing."""
    return ("bytes", "json") if target(name).is_json else ("bytes",)


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    read.add_argument("--seconds", type=int, default=0, help="for each target (times its worth)")
    read.add_argument("--runs", type=int, default=0, help="inputs for each target")
    read.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    read.add_argument("--at-once", type=int, default=2, help="targets at a time")
    read.add_argument("--repeat", type=Path, help="an input that was kept")
    told = read.parse_args()
    if told.repeat:
        return repeat(told.repeat)
    if find_spec("atheris") is None:
        print("The fuzzer isn't installed: .venv/bin/pip install -c constraints.txt -e '.[fuzz]'")
        return 2
    seconds = told.seconds or (0 if told.runs else 60)
    jobs = [(name, how) for name in told.only for how in ways(name)]
    with ThreadPoolExecutor(told.at_once) as pool:
        outcomes = list(
            pool.map(lambda job: fuzz(*job, told.runs, seconds * WORTH.get(job[0], 1)), jobs)
        )
    print(f"{'target':16} {'inputs':>12} {'a second':>9} {'coverage':>9} {'MB':>8} {'growth':>8}")
    for outcome in outcomes:
        print(outcome.line())
    print(f"{'in all':16} {sum(outcome.inputs for outcome in outcomes):>12,}")
    for outcome in outcomes:
        for path in outcome.kept:
            print(f'{outcome.name}: once more with make fuzz ARGS="--repeat {path}"')
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())

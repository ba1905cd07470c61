"""Dead letters sent again: read, mended, judged, sorted by event time, and sent each once.

It must not know the command line.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import msgspec

from streams.checkpoints import last_checkpoints
from streams.dead_letters.judging import Judge, Ready, Unfit
from streams.dead_letters.letters import Letter, Wanted, read
from streams.dead_letters.mending import Mended, Rule, Unmendable, mend
from streams.dead_letters.sent import Place, SentLog, sent_before
from streams.intake.sorting import Sorter
from streams.progress import Progress
from streams.settings import Settings
from streams.topics import answering

_AT_ONCE = 500
"""Letters in one transaction."""

Show = Callable[[Letter, Mended | None, Ready | Unfit], None]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Place, Ready]).decode


@dataclass(frozen=True)
class SendOptions:
    """What to send again, and how."""

    wanted: Wanted = field(default_factory=Wanted)
    rules: Sequence[Rule] | None = None
    """None: as they are. With rules, letters that no rule changes are left alone."""
    late: bool = False
    """Send those too that the workers would find too late."""
    dry_run: bool = False
    limit: int | None = None
    """At most so many, those buried first."""
    progress: bool = True


@dataclass
class SendResult:
    """What became of the letters."""

    letters: int = 0
    """That were wanted and not sent before."""
    sent: int = 0
    """In a dry run: that would be."""
    before: int = 0
    """That had been sent before."""
    untouched: int = 0
    """That no rule changes."""
    unfit: Counter[str] = field(default_factory=Counter)
    """By kind: not sent, as they would not count."""


async def send(settings: Settings, options: SendOptions, show: Show) -> SendResult:
    """Send again what would count; `show` gets each letter that isn't sent, or each in a dry run.

    A run that was interrupted goes on where it stopped.  Raises RefusedError or UnreachableError;
    what was sent until then is noted.
    """
    run = _Run(settings, options, show, await _judge(settings, options))
    with ExitStack() as opened:
        made = opened.enter_context(Sorter())
        if options.dry_run:
            await run.read(made, await sent_before(settings))
        else:
            async with SentLog(settings) as log:
                await run.read(made, log.sent)
                await run.send(made, log)
    return run.result


async def _judge(settings: Settings, options: SendOptions) -> Judge:
    async with answering(settings):
        stood = await last_checkpoints(settings)
    marks = {partition: each.checkpoint.watermark_ms for partition, each in stood.items()}
    return Judge(
        settings.definitions,
        tuple(settings.topics),
        settings.partitions,
        {partition: at_ms for partition, at_ms in marks.items() if at_ms is not None},
        _now_ms(),
        options.late,
    )


class _Run:
    """One run."""

    def __init__(self, settings: Settings, options: SendOptions, show: Show, judge: Judge) -> None:
        self.result = SendResult()
        self._settings = settings
        self._options = options
        self._show = show
        self._judge = judge

    async def read(self, made: Sorter, sent: set[str]) -> None:
        """Read all letters, and keep the events that are to be sent."""
        options, seen = self._options, set[str]()
        with Progress("reading", None, "records", show=options.progress) as progress:
            async for letters in read(self._settings, progress=progress.reached):
                for letter in letters:
                    if not options.wanted.fits(letter) or letter.id in seen:
                        continue
                    seen.add(letter.id)
                    if letter.id in sent:
                        self.result.before += 1
                    else:
                        self._take(letter, made)

    def _take(self, letter: Letter, made: Sorter) -> None:
        options, result = self._options, self.result
        if options.limit is not None and made.count >= options.limit:
            return
        result.letters += 1
        mended = mend(letter, options.rules or ())
        if isinstance(mended, Unmendable):
            self._unfit(letter, None, Unfit("unmended", mended.reason))
            return
        if options.rules is not None and not mended.changed:
            result.untouched += 1
            return
        judged = self._judge.judge(letter, mended)
        if isinstance(judged, Unfit):
            self._unfit(letter, mended, judged)
            return
        if options.dry_run:
            self._show(letter, mended, judged)
            result.sent += 1
        place = Place(letter.id, letter.topic, letter.partition, letter.offset)
        made.add((judged.at_ms, *letter.place), _encode((place, judged)))

    def _unfit(self, letter: Letter, mended: Mended | None, unfit: Unfit) -> None:
        self.result.unfit[unfit.kind] += 1
        self._show(letter, mended, unfit)

    async def send(self, made: Sorter, log: SentLog) -> None:
        """Send what was kept, the oldest event first, so that none of them makes another late."""
        show = self._options.progress
        with Progress("sending", made.count, "letters", show=show) as progress:
            some: list[tuple[Place, Ready]] = []
            for _, packed in made:
                some.append(_decode(packed))
                if len(some) == _AT_ONCE:
                    await self._write(some, log, progress)
                    some = []
            await self._write(some, log, progress)

    async def _write(
        self, some: list[tuple[Place, Ready]], log: SentLog, progress: Progress
    ) -> None:
        if some:
            await log.write(some, _now_ms())
            self.result.sent += len(some)
            progress.advance(len(some))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

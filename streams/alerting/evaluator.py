"""The evaluator: elected among the exporters, it judges each minute and writes what is due.

It must not know how a threshold is judged, nor what a message looks like.

    standby   member of the group `{app}-alerts`, without the partition; watches nothing
    elected   has the partition: opens the log (which fences the one before), goes on from the last
              minute that was written
    fenced    somebody else has opened the log: leaves the group, and comes back as standby
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from kpi_windows.alerting import Alert, State, due_ms, judge
from streams.alerting.log import AlertLog
from streams.alerting.messages import key_of, message_of
from streams.alerting.topics import PARTITION, AlertTopics, ensure
from streams.changelog import OpenEndError, Reader, TruncatedError
from streams.follower import Whole
from streams.reach import denied
from streams.settings import Settings
from streams.topics import RefusedError, UnreachableError

log = logging.getLogger(__name__)

_POLL_MS = 500
_RETRY_S = 2.0
_AT_ONCE = 60
"""Minutes in one transaction: in between the group is asked who is elected."""


class Evaluator:
    """Takes part in the election, and watches the thresholds while elected."""

    def __init__(self, settings: Settings, whole: Whole) -> None:
        self._settings = settings
        self._whole = whole
        self._trouble = ""
        self._log: AlertLog | None = None
        self.state = State()
        """As it was last written; of no meaning while not elected."""

    @property
    def elected(self) -> bool:
        """Whether this one watches."""
        return self._log is not None

    async def run(self) -> None:
        """Until cancelled; whatever goes wrong, it takes part again after a while."""
        while True:
            try:
                await ensure(self._settings)
                await self._take_part()
            except ProducerFenced:
                log.info("another exporter watches the thresholds now; standing by")
            except (RefusedError, UnreachableError) as error:
                self._say(str(error))
            except (KafkaError, OSError, TimeoutError, OpenEndError, TruncatedError) as error:
                self._say(denied(error) or repr(error))
            except Exception as error:  # values must be served all the same
                if repr(error) != self._trouble:
                    log.exception("alerts aren't evaluated; trying again")
                self._trouble = repr(error)
            await asyncio.sleep(_RETRY_S)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("alerts aren't evaluated: %s; trying again every %g s", trouble, _RETRY_S)
        self._trouble = trouble

    async def _take_part(self) -> None:
        settings = self._settings
        topic = AlertTopics.of(settings).state
        consumer = Reader(
            topic,
            bootstrap_servers=list(settings.bootstrap_servers),
            group_id=f"{settings.app_id}-alerts",
            client_id=f"{settings.app_id}-alerts",
            auto_offset_reset="latest",
            enable_auto_commit=False,
            session_timeout_ms=settings.kafka.session_timeout_ms,
            heartbeat_interval_ms=settings.kafka.heartbeat_ms,
            **settings.kafka_options,
        )
        try:
            await consumer.start()
            while True:
                await consumer.getmany(timeout_ms=_POLL_MS)  # keeps the membership alive
                if TopicPartition(topic, PARTITION) not in consumer.assignment():
                    await self._step_back()
                elif self._log is None:
                    await self._take_over()
                else:
                    await self._judge(self._log)
        finally:
            await self._step_back()
            await consumer.stop()

    async def _take_over(self) -> None:
        opened = AlertLog(self._settings)
        try:
            self.state = await opened.open()
        except BaseException:
            await opened.close()
            raise
        self._log, self._trouble = opened, ""
        log.info("elected: this exporter watches the thresholds")

    async def _step_back(self) -> None:
        held, self._log = self._log, None
        if held is not None:
            await held.close()

    async def _judge(self, alert_log: AlertLog) -> None:
        """Judges the minutes that event time has passed, and writes what is due of them."""
        settings, state = self._settings, self.state
        alerts: list[Alert] = []
        for _ in range(_AT_ONCE):
            view = self._whole.view
            at_ms = due_ms(state, view.watermark_ms) if self._whole.ready else None
            if at_ms is None:
                break
            began = time.monotonic()
            state, more = judge(state, at_ms, view, settings.thresholds, settings.catalogue)
            alerts += more
            await asyncio.sleep(time.monotonic() - began)  # in a replay half the time is others'
        if state is self.state:
            return
        packed = [(key_of(alert, settings), message_of(alert, settings)) for alert in alerts]
        await alert_log.write(state, packed)
        self.state = state
        for alert in alerts:
            log.info("%s: %s", alert.event.value, alert.threshold.name)

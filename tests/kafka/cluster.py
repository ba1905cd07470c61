"""Kafka brokers that are one cluster, for tests that take some of them away; with ways to them.

Each broker is a `KafkaBroker` of its own process and folder. Clients may come directly, or by a way:
a name whose connections all go through a proxy, so that a client's network fails and others' doesn't.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from tests.kafka.broker import KafkaBroker, Seat, free_ports
from tests.kafka.proxy import Link, Proxy

_HOST = "127.0.0.1"
_JVM = ("-Xmx384m", "-XX:TieredStopAtLevel=1")  # small, and soon there again


class KafkaCluster:
    """Some brokers (1 or 3); `with KafkaCluster(3, ways=("a", "b")) as cluster:` has them ready."""

    def __init__(self, brokers: int, *, ways: Iterable[str] = ()) -> None:
        self._size = brokers
        self._names = tuple(ways)
        self._open = ExitStack()
        self.brokers: list[KafkaBroker] = []
        self.ways: dict[str, list[Link]] = {}
        """By name: the link to each broker."""
        self.proxy = Proxy(())

    def __enter__(self) -> KafkaCluster:
        seats = self._seats()
        with ExitStack() as opened:
            for seat in seats:
                broker = KafkaBroker(seat=seat, jvm=_JVM, extra_properties=_copied(self._size))
                opened.callback(broker.close)
                self.brokers.append(broker)
                broker.format()
            for broker in self.brokers:
                broker.launch()
            for broker in self.brokers:
                broker.until_ready()
            self.proxy = Proxy(link for links in self.ways.values() for link in links)
            opened.enter_context(self.proxy)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, for clients that no proxy is to disturb."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def by(self, way: str) -> list[str]:
        """The addresses for clients that come by a way."""
        return [f"{_HOST}:{link.port}" for link in self.ways[way]]

    # -- what befalls a broker

    def freeze(self, number: int) -> None:
        """It answers nothing more, and its connections stay."""
        self._signal(number, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        self._signal(number, signal.SIGCONT)

    def restart_all(self, *, down_s: float) -> None:
        """All at once, as when the power fails."""
        for broker in self.brokers:
            broker.kill()
        time.sleep(down_s)  # the outage itself
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.until_ready()

    def until_in_sync(self, within_s: float = 180) -> None:
        """Wait until every partition has a leader and all of its copies."""
        deadline = time.monotonic() + within_s
        while (short := self._short()) is None or short:
            if time.monotonic() > deadline:
                tails = "\n".join(broker.log_tail(15) for broker in self.brokers)
                raise RuntimeError(f"not in sync after {within_s:g} s: {short}\n{tails}")
            time.sleep(0.25)

    def leader_of(self, topic: str, partition: int) -> int | None:
        """The number of the broker, from 1, that leads a partition; None while nobody does."""
        found = self._topics()
        if found is None or topic not in found:
            return None
        leader = found[topic].partitions[partition].leader
        return int(leader) if leader > 0 else None

    def setting_of(self, topic: str, name: str) -> str:
        """Of a topic, as the brokers have it."""
        asked = ConfigResource(ConfigResource.Type.TOPIC, topic)
        return str(self._admin.describe_configs([asked])[asked].result(30)[name].value)

    def _short(self) -> list[str] | None:
        """Partitions that lack a leader or a copy; None while nobody answers."""
        found = self._topics()
        if found is None:
            return None
        return [
            f"{name}-{number}"
            for name, topic in found.items()
            for number, one in topic.partitions.items()
            if one.leader < 0 or len(one.isrs) < len(one.replicas)
        ]

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def _topics(self) -> Any:
        try:
            return self._admin.list_topics(timeout=5).topics
        except KafkaException:
            return None

    def _signal(self, number: int, which: signal.Signals) -> None:
        pid = self.brokers[number].pid
        assert pid is not None
        os.kill(pid, which)

    def _seats(self) -> list[Seat]:
        names = ("CLIENT", "INTERNAL", "CONTROLLER", *(f"WAY{n}" for n in range(len(self._names))))
        ports = iter(free_ports(self._size * (len(names) + len(self._names))))
        at = [{name: next(ports) for name in names} for _ in range(self._size)]
        for number, way in enumerate(self._names):
            self.ways[way] = [Link(next(ports), one[f"WAY{number}"]) for one in at]
        cluster = str(uuid.uuid4())
        voters = [f"{n}@{_HOST}:{one['CONTROLLER']}" for n, one in enumerate(at, 1)]
        return [
            Seat(
                cluster,
                one["CLIENT"],
                {
                    "node.id": str(number + 1),
                    "controller.quorum.voters": ",".join(voters),
                    "listeners": _addresses(names, one.__getitem__),
                    "advertised.listeners": _addresses(
                        (name for name in names if name != "CONTROLLER"),
                        self._told_ports(number, one).__getitem__,
                    ),
                    "listener.security.protocol.map": ",".join(f"{n}:PLAINTEXT" for n in names),
                },
            )
            for number, one in enumerate(at)
        ]

    def _told_ports(self, number: int, listens: Mapping[str, int]) -> dict[str, int]:
        """The port that clients are told, by listener: of a way it is the proxy's."""
        told = {f"WAY{n}": self.ways[way][number].port for n, way in enumerate(self._names)}
        return {**listens, **told}


def _addresses(names: Iterable[str], port_of: Callable[[str], int]) -> str:
    return ",".join(f"{name}://{_HOST}:{port_of(name)}" for name in names)


def _copied(brokers: int) -> dict[str, str]:
    """What Kafka keeps for itself is on all brokers, and acknowledged by all but one of them."""
    least = str(max(1, brokers - 1))
    return {
        "default.replication.factor": str(brokers),
        "offsets.topic.replication.factor": str(brokers),
        "transaction.state.log.replication.factor": str(brokers),
        "transaction.state.log.min.isr": least,
        "leader.imbalance.check.interval.seconds": "10",
        "replica.lag.time.max.ms": "5000",
        "controller.quorum.fetch.timeout.ms": "4000",
    }

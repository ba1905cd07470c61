"""A real Kafka broker for tests: one KRaft node in a temporary folder, on free ports, from jars.

The jars come once from Maven Central (`pom.xml` beside this file) into `build/kafka/libs`. The
broker dies with the test process, however that ends.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

_HERE = Path(__file__).parent
_BUILD = _HERE.parents[1] / "build" / "kafka"
LIBS = _BUILD / "libs"

_HOST = "127.0.0.1"
_JVM = ("-Xms256m", "-XX:+UseG1GC", "-XX:MaxDirectMemorySize=256m")

# Asks Linux to kill the JVM when its parent dies, then becomes it. A process of its own, since
# between fork and exec a program with threads (librdkafka's) may not run Python.
_MORTAL = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
os.execvp(sys.argv[1], sys.argv[1:])
"""

# Quick to start, quick to clean, one copy of everything; else as in production.
_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "5",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "5000",
    "log.segment.bytes": str(8 << 20),
    "log.retention.ms": "-1",  # tests play shops of 2010
    "log.cleaner.backoff.ms": "1000",
    "log.cleaner.min.cleanable.ratio": "0.1",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    "controlled.shutdown.max.retries": "1",
}

_LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server
logger.server.level=INFO
"""


def why_not() -> str | None:
    """Why no broker can be started on this machine, or None."""
    if shutil.which("java") is None:
        return "no Java here, so nothing was tried on a real Kafka (Debian: default-jre-headless)"
    if not LIBS.is_dir() and shutil.which("mvn") is None:
        return "no Maven here to bring the Kafka broker, so none was tried (Debian: maven)"
    return None


def fetch_jars() -> Path:
    """Copy the broker's jars from Maven Central, once; two test runs at a time wait for one."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if LIBS.is_dir():
            return LIBS
        partial = _BUILD / "libs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        done = subprocess.run(
            [
                *("mvn", "-q", "-B", "-f", str(_HERE / "pom.xml")),
                *("dependency:copy-dependencies", f"-DoutputDirectory={partial}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"Maven could not bring the Kafka broker:\n{done.stdout[-4000:]}")
        partial.rename(LIBS)
    return LIBS


def free_ports(count: int) -> list[int]:
    """Free ports below the range of outgoing connections.

    There a client that keeps asking for a stopped broker would in the end connect to itself.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


class Seat(NamedTuple):
    """Where a broker listens, and to which cluster it belongs."""

    cluster: str
    port: int
    """Of the listener CLIENT."""
    properties: Mapping[str, str]


def alone() -> Seat:
    """A cluster of one broker, on fresh ports."""
    port, internal, controller = free_ports(3)
    addresses = f"CLIENT://{_HOST}:{port},INTERNAL://{_HOST}:{internal}"
    return Seat(
        str(uuid.uuid4()),
        port,
        {
            "listeners": f"{addresses},CONTROLLER://{_HOST}:{controller}",
            "advertised.listeners": addresses,
            "controller.quorum.voters": f"1@{_HOST}:{controller}",
        },
    )


class KafkaBroker:
    """One broker; `with KafkaBroker() as broker:` has it ready at `broker.bootstrap`.

    `extra_properties` go into server.properties as they are; clients use the listener named
    CLIENT (`listener.name.client.…`, `listener.security.protocol.map`), and `client_config` is
    what a confluent client then needs to reach it.  `format_options` are the storage tool's.
    Without a `seat` it is `alone`.
    """

    def __init__(
        self,
        *,
        extra_properties: Mapping[str, str] | None = None,
        client_config: Mapping[str, str] | None = None,
        format_options: Iterable[str] = (),
        ready_within_s: float = 90,
        seat: Seat | None = None,
        jvm: Iterable[str] = ("-Xmx1g",),
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kpi-kafka-"))
        self.log = self.folder / "broker.log"
        self._extra = dict(extra_properties or {})
        self._client_config = dict(client_config or {})
        self._format_options = tuple(format_options)
        self._ready_within_s = ready_within_s
        self._seat = seat
        self._jvm = (*_JVM, *jvm)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def bootstrap(self) -> str:
        """The address for clients, host:port; the same after a restart."""
        return f"{_HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The broker's process, None while it is stopped."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> KafkaBroker:
        atexit.register(self.close)
        for attempts_left in (2, 1, 0):
            self.format()
            try:
                self.start()
            except RuntimeError:
                taken = "Address already in use" in self.log_tail()
                self.kill()
                if not taken or not attempts_left:
                    self.close()
                    raise
            else:
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the broker and remove its folder; nobody needs either any more."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def start(self) -> None:
        """Start on the data and the port that it has, and wait until it answers."""
        self.launch()
        self.until_ready()

    def launch(self) -> None:
        """Start without waiting: one of several answers only when most of them are there."""
        assert self._process is None, "the broker runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _MORTAL, *self._java(*self._jvm, main="kafka.Kafka")],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the broker
            )

    def stop(self, *, within_s: float = 30) -> None:
        """Shut down in order; after `within_s` by force."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._reap()

    def restart(self, *, kill: bool = False, down_s: float = 0) -> None:
        """Stop (or kill), stay down for `down_s`, start on the same data and the same port."""
        if kill:
            self.kill()
        else:
            self.stop()
        time.sleep(down_s)  # the outage itself, not a wait for something
        self.start()

    def create_topics(
        self, names: Iterable[str], *, partitions: int = 4, config: Mapping[str, str] | None = None
    ) -> None:
        """Create topics and wait until their leaders are known; those that exist stay."""
        wanted = set(names)
        admin = self._admin()
        new = [NewTopic(name, partitions, 1, config=dict(config or {})) for name in sorted(wanted)]
        for created in admin.create_topics(new, operation_timeout=30).values():
            try:
                created.result(30)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        deadline = time.monotonic() + 30
        while True:
            topics = admin.list_topics(timeout=10).topics
            if all(
                name in topics
                and topics[name].partitions
                and all(p.leader >= 0 for p in topics[name].partitions.values())
                for name in wanted
            ):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{sorted(wanted)} not ready after 30 s\n{self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that the broker logged."""
        if not self.log.exists():
            return "(the broker has no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait()
        self._process = None

    def _admin(self) -> AdminClient:
        config = {"bootstrap.servers": self.bootstrap, "log_level": 0, **self._client_config}
        return AdminClient(config)

    def _java(self, *options: str, main: str, arguments: Iterable[str] = ()) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        classpath = str(fetch_jars() / "*")
        properties = [] if arguments else [str(self.folder / "server.properties")]
        return ["java", *options, logging, "-cp", classpath, main, *arguments, *properties]

    def format(self) -> None:
        """Write the configuration, with fresh ports, and an empty formatted log folder."""
        seat = self._seat or alone()
        self._port = seat.port
        log_dirs = {"log.dirs": str(self.folder / "data")}
        properties = _PROPERTIES | dict(seat.properties) | log_dirs | self._extra
        lines = [f"{key}={value}\n" for key, value in properties.items()]
        (self.folder / "server.properties").write_text("".join(lines))
        (self.folder / "log4j2.properties").write_text(_LOGGING)
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        cluster = ["-t", seat.cluster, "-c", str(self.folder / "server.properties")]
        done = subprocess.run(
            self._java(
                "-XX:TieredStopAtLevel=1",
                main="kafka.tools.StorageTool",
                arguments=["format", *cluster, *self._format_options],
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"Kafka could not format its folder:\n{done.stdout[-4000:]}")

    def until_ready(self) -> None:
        """Wait until it answers."""
        assert self._process is not None
        deadline = time.monotonic() + self._ready_within_s
        admin = self._admin()
        while True:
            if self._process.poll() is not None:
                code = self._process.returncode
                raise RuntimeError(f"Kafka ended with {code} at its start:\n{self.log_tail()}")
            if self._answers(admin):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"Kafka not ready after {self._ready_within_s:g} s:\n{self.log_tail()}"
                )
            time.sleep(0.1)

    def _answers(self, admin: AdminClient) -> bool:
        try:
            with socket.create_connection((_HOST, self._port), timeout=1):
                pass
            return bool(admin.list_topics(timeout=2).brokers)
        except (OSError, KafkaException):
            return False


def main() -> None:
    """Run a broker by hand: `python -m tests.kafka.broker`; Ctrl-C ends it."""
    with KafkaBroker() as broker:
        print(broker.bootstrap, f"pid {broker.pid}, log {broker.log}", flush=True)
        try:
            os.waitpid(broker.pid or 0, 0)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()

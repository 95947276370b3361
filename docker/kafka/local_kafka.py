"""A real Apache Kafka on this machine without Docker: KRaft, one node or several, from its Maven artifacts.

    python docker/kafka/local_kafka.py [--port 9092] [--dir .kafka] [--nodes 1]

Runs in the foreground until it is interrupted. Its jars are fetched once by Maven (`pom.xml` beside this file
names their versions) and kept under `.kafka/libs`. Only the standard library is needed. Every node is broker
and controller in one; listens on 127.0.0.1 only; keeps its data between starts.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from kafka_jars import CannotStart, libraries

ROOT = Path(__file__).resolve().parents[2]
START_WAIT_S = 300.0
"""Some seconds are enough, but for a machine that has a lot to do."""
STOP_WAIT_S = 15.0
HEAP_MB = 384
HOST = "127.0.0.1"
PORTS = (20_000, 32_000)

_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""A broker that lives for minutes never earns what compiling it well costs: its first thousand transactions
take half the time so."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = out
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


_kept: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, and that nobody else who asks is given while this process lives.

    They lie below those that systems give to outgoing connections, one of which could take a port before
    the broker does.
    """
    found: list[socket.socket] = []
    while len(found) < count:
        found.append(socket.socket())
        try:
            found[-1].bind((HOST, random.randrange(*PORTS)))
        except OSError:
            found.pop().close()
    ports = [one.getsockname()[1] for one in found]
    for one in found:
        if sys.platform == "linux":
            # Bound without listening, it is in the way of who asks, not of a server that may reuse addresses.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _kept.append(one)
        else:
            one.close()
    return ports


@dataclass
class Node:
    """One broker and controller, a process of its own."""

    number: int
    port: int
    controller_port: int
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """The process that runs it. Raises CannotStart if none does."""
        if self.process is None or not self.runs:
            raise CannotStart(f"node {self.number} does not run")
        return self.process.pid

    @property
    def output(self) -> Path:
        """What it says."""
        return self.directory / "kafka.log"

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def pause(self) -> None:
        """Let it do nothing any more, without its connections noticing, until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)
        # The signal is on its way until every thread stands still.
        os.waitpid(self.pid, os.WUNTRACED)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


@dataclass
class LocalKafka:
    """A cluster on this machine. `with LocalKafka(directory) as kafka: … kafka.address`."""

    directory: Path
    nodes_count: int = 1
    port: int = 0
    """Of the first node; 0 takes a free one. The others take free ones."""
    heap_mb: int = HEAP_MB
    settings: dict[str, str] = field(default_factory=dict)
    """More broker settings, or other values for those that are set here."""
    nodes: list[Node] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The bootstrap servers."""
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def start(self) -> LocalKafka:
        """Start every node and wait until all of them are ready; after `stop`, on the same ports.

        Raises CannotStart.
        """
        if not self.nodes:
            self._lay_out(libraries())
        try:
            for node in self.nodes:
                self.start_node(node, wait=False)
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def start_node(self, node: Node, *, wait: bool = True) -> None:
        """Start one node, again if it ran before; it finds its data as it left them."""
        jars = libraries()
        command = [
            "java", f"-Xmx{self.heap_mb}m", *_QUICK,
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}",
            "-cp", f"{jars}/*", "kafka.Kafka", str(node.directory / "server.properties"),
        ]  # fmt: skip
        with node.output.open("ab") as output:
            node.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip
        if wait:
            self.wait_ready()

    def wait_ready(self, *, wait_s: float = START_WAIT_S) -> None:
        """Wait until every running node answers and knows all that run. Raises CannotStart."""
        until = time.monotonic() + wait_s
        running = [node for node in self.nodes if node.runs]
        for node in running:
            while _brokers_known(node.port) < len(running):
                if not node.runs or time.monotonic() > until:
                    said = node.output.read_text(errors="replace")[-3000:]
                    raise CannotStart(f"Kafka's node {node.number} did not become ready:\n{said}")
                time.sleep(0.05)

    def stop(self, *, wait_s: float = STOP_WAIT_S) -> None:
        """Ask every node to end; kill what has not ended after `wait_s`."""
        running = [node.process for node in self.nodes if node.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + wait_s
        for process in running:
            try:
                process.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> LocalKafka:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _lay_out(self, jars: Path) -> None:
        """Settings and formatted data directories; what is there from an earlier start stays."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "log4j2.properties").write_text(_LOGGING)
        ports = free_ports(2 * self.nodes_count)
        self.nodes = [
            Node(i + 1, ports[2 * i], ports[2 * i + 1], self.directory / f"node-{i + 1}")
            for i in range(self.nodes_count)
        ]
        if self.port:
            self.nodes[0].port = self.port
        cluster = self.directory / "cluster-id"
        if not cluster.exists():
            cluster.write_text(_cluster_id())
        for node in self.nodes:
            node.directory.mkdir(exist_ok=True)
            settings = node.directory / "server.properties"
            settings.write_text("".join(f"{k}={v}\n" for k, v in self._settings(node).items()))
            if not (node.directory / "data" / "meta.properties").exists():
                _format(jars, settings, cluster.read_text())

    def _settings(self, node: Node) -> dict[str, str]:
        copies = min(3, self.nodes_count)
        enough = "2" if copies == 3 else "1"
        return {
            "process.roles": "broker,controller",
            "node.id": str(node.number),
            "controller.quorum.voters": ",".join(
                f"{one.number}@{HOST}:{one.controller_port}" for one in self.nodes
            ),
            "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(node.directory / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": str(copies),
            "offsets.topic.replication.factor": str(copies),
            "offsets.topic.num.partitions": "4",
            # Longer than LeadFlow keeps requests.
            "offsets.retention.minutes": "86400",
            "transaction.state.log.replication.factor": str(copies),
            "transaction.state.log.min.isr": enough,
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": str(copies),
            "share.coordinator.state.topic.min.isr": enough,
            "group.initial.rebalance.delay.ms": "0",
            # A node that was killed is missed after this long, and before that cannot come back.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            # The default takes 128 MB of the heap at once.
            "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
            **self.settings,
        }


def _cluster_id() -> str:
    """Sixteen random bytes as Kafka writes them; as in Kafka, none that looks like an option."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return name


def _format(jars: Path, settings: Path, cluster: str) -> None:
    command = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", "kafka.tools.StorageTool"]
    done = subprocess.run(
        [*command, "format", "-t", cluster, "-c", str(settings)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = (done.stdout + done.stderr).strip()[-2000:]
        raise CannotStart(f"Kafka's data directory cannot be formatted:\n{told}")


def _end_with_parent() -> None:
    """Linux: whoever started the broker and dies takes it along, so that none is left behind."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _brokers_known(port: int) -> int:
    """How many live brokers the one at this port knows; 0 if it does not answer.

    By Kafka's own protocol (Metadata, version 0, of no topic that exists).
    https://kafka.apache.org/protocol#The_Messages_Metadata
    """
    topic = b"x"
    request = struct.pack(">hhih", 3, 0, 1, -1) + struct.pack(">ih", 1, len(topic)) + topic
    try:
        with socket.create_connection((HOST, port), timeout=2) as link:
            link.sendall(struct.pack(">i", len(request)) + request)
            answer = b"".join(_receive(link, 12))
    except OSError:
        return 0
    return int(struct.unpack(">iii", answer)[2]) if len(answer) == 12 else 0


def _receive(link: socket.socket, size: int) -> Iterator[bytes]:
    while size > 0 and (part := link.recv(size)):
        size -= len(part)
        yield part


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until it is interrupted."""
    parser = argparse.ArgumentParser(description="Run a real Apache Kafka on this machine, without Docker.")
    parser.add_argument("--port", type=int, default=9092, help="of the first node; 0 takes a free one (9092)")
    parser.add_argument("--dir", type=Path, default=ROOT / ".kafka" / "run", help="where the data are kept")
    parser.add_argument("--nodes", type=int, default=1, help="how many brokers (1)")
    parser.add_argument("--heap-mb", type=int, default=HEAP_MB, help=f"memory of each ({HEAP_MB})")
    given = parser.parse_args(arguments)
    kafka = LocalKafka(given.dir, given.nodes, given.port, given.heap_mb)
    asked_to_end = threading.Event()
    try:
        kafka.start()
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    print(f"Kafka is ready at {kafka.address}\n  export LEADFLOW_KAFKA={kafka.address}", flush=True)
    print("Interrupt (Ctrl-C) to stop it.", flush=True)
    while not asked_to_end.wait(0.5):
        if fallen := [node for node in kafka.nodes if not node.runs]:
            print(f"Kafka ended by itself; {fallen[0].output} says why.", file=sys.stderr)
            kafka.stop()
            return 3
    kafka.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Brokers that die, fill up and are cut off, under deciders that go on afterwards."""

from __future__ import annotations

import resource
import threading
import time

from local_kafka import LocalKafka, Node, free_ports
from tests.deciders import deciding
from tests.faults.proxy import Proxy
from tests.faults.scenes import Scene, scene
from tests.kafka_broker import own_kafka
from tests.processes import until

ROOM_BYTES = 16_000
"""Up to where a file can grow on a broker whose disk is full; what is larger already stays as it is."""


def test_a_broker_is_killed_under_load(broker: LocalKafka, pg_url: str) -> None:
    with scene(broker.address, pg_url, "broker killed", partitions=2) as played:
        played.open()
        with deciding(played.office.settings, broker.address):
            played.load(30)
            for _ in range(2):
                # It is at work by then, so the broker dies under what it reads and writes as well.
                played.decided()
                load = threading.Thread(target=played.load, args=(40,))
                load.start()
                time.sleep(played.chance.uniform(0, 0.3))
                broker.nodes[0].kill()
                time.sleep(0.5)
                broker.start_node(broker.nodes[0])
                load.join()
                played.injected("SIGKILL of the broker")
            print(played.check())


def test_a_brokers_disk_is_full(broker: LocalKafka, pg_url: str) -> None:
    node = broker.nodes[0]
    with scene(broker.address, pg_url, "disk full") as played:
        played.open()
        with deciding(played.office.settings, broker.address):
            played.load(20)
            played.decided()
            resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (ROOM_BYTES, ROOM_BYTES))
            load = threading.Thread(target=_load_until_full, args=(played, node))
            load.start()
            load.join(20)
            became = "stood" if node.runs else "ended"
            if node.runs:
                node.kill()
            broker.start_node(node)
            load.join()
            played.injected(f"no file grew beyond {ROOM_BYTES} bytes for the broker, which {became}")
            played.load(20)
            print(played.check())


def _load_until_full(played: Scene, node: Node) -> None:
    for _ in range(6):
        if node.runs:
            played.load(20, wait_s=10)


def test_the_connection_is_cut_while_transactions_end(pg_url: str) -> None:
    (outside,) = free_ports(1)
    proxy: Proxy | None = None
    with own_kafka("cut", settings={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{outside}"}) as kafka:
        proxy = Proxy(outside, kafka.nodes[0].port)
        address = f"127.0.0.1:{outside}"
        try:
            with scene(address, pg_url, "cut") as played:
                played.open()
                with deciding(played.office.settings, address):
                    played.load(20)
                    played.decided()
                    for what in ("request", "answer", "answer", "request"):
                        before = len(proxy.done)
                        proxy.cuts.append(what)
                        played.load(10)
                        until(lambda before=before: len(proxy.done) > before)  # type: ignore[misc]
                        played.injected(f"the connection was cut at the {what} that ends a transaction")
                        played.decided()
                    print(played.check())
        finally:
            proxy.close()

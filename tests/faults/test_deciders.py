"""Deciders that are killed, stopped, doubled and moved about, on a real Kafka."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from leadflow.log.envelope import encode_request
from local_kafka import LocalKafka
from tests.deciders import Process, deciding
from tests.faults.killed import STEPS
from tests.faults.scenes import SEED, Scene, scene
from tests.processes import until
from tests.team import arrival

TIMES = 100
SENDERS = 5
SCENES = 4


def _killed_at(address: str, pg_url: str, step: str) -> str:
    """A decider dies at a step, sooner or later; another goes on."""
    with scene(address, pg_url, f"killed at '{step}'") as played:
        times = played.chance.randint(1, 1 if step == "fenced" else 3)
        doomed = Process(played.office.settings, address, step, str(times), module="tests.faults.killed")
        try:
            played.open()
            while doomed.runs:
                played.load(8)
            assert doomed.wait() == -signal.SIGKILL, doomed.said()
        finally:
            doomed.end()
        played.injected(f"SIGKILL at '{step}', reached {times} times")
        played.load(15)
        with deciding(played.office.settings, address):
            played.load(15)
            return played.check()


def test_a_decider_is_killed_at_every_step_of_its_loop(broker: LocalKafka, pg_url: str) -> None:
    print(f"seed {SEED}")
    # Some at the same time, because most of it is waiting until the group misses who was killed.
    with ThreadPoolExecutor(SCENES) as stages:
        for told in stages.map(lambda step: _killed_at(broker.address, pg_url, step), STEPS):
            print(told)


def test_a_decider_stands_still_past_its_session_and_goes_on(broker: LocalKafka, pg_url: str) -> None:
    with scene(broker.address, pg_url, "stood still") as played:
        settings = played.office.settings
        played.open()
        with deciding(settings, broker.address) as first:
            played.load(20)
            played.decided()
            threading.Timer(played.chance.uniform(0, 0.3), lambda: first.send(signal.SIGSTOP)).start()
            played.load(20)
            with deciding(settings, broker.address) as second:
                until(lambda: "a partition is taken" in second.said())
                played.load(20)
                played.decided()
                first.send(signal.SIGCONT)
                played.injected("SIGSTOP past the session's end, SIGCONT after another took over")
                played.load(20)
                print(played.check())
            first.stop_unless_turned_away()


def test_two_deciders_are_forced_on_one_partition(broker: LocalKafka, pg_url: str) -> None:
    with scene(broker.address, pg_url, "two at once") as played:
        played.open()
        with deciding(played.office.settings, broker.address) as first:
            played.load(20)
            played.decided()
            other = Process(
                played.office.settings, broker.address, "apart", "0", module="tests.faults.killed"
            )
            try:
                until(lambda: "a partition is taken" in other.said())
                played.injected("another decider, of another group, took the partition by force")
                played.load(20)
                # Whoever is fenced ends; both cannot go on.
                until(lambda: not (first.runs and other.runs))
                ended = first if not first.runs else other
                assert ended.wait() == 3, ended.said()
                assert "another process has taken over" in ended.said()
            finally:
                other.end()
        with deciding(played.office.settings, broker.address):
            played.load(10)
            print(played.check())


def test_the_same_arrival_a_hundred_times_in_parallel_and_out_of_order(
    broker: LocalKafka, pg_url: str
) -> None:
    with scene(broker.address, pg_url, "a hundred times", partitions=3) as played:
        played.open()
        same = [arrival(7), arrival(8), arrival(7, "west")]

        def send(number: int) -> None:
            for at in range(TIMES // SENDERS):
                one = same[(number + at) % len(same)]
                topic = played.office.names.intake
                played.office.put(topic, encode_request(one), one.pool.encode(), (number + at) % 3)

        with deciding(played.office.settings, broker.address):
            with ThreadPoolExecutor(SENDERS) as senders:
                list(senders.map(send, range(SENDERS)))
            played.expected |= {(one.pool, one.identity) for one in same}
            played.injected(f"{TIMES} times the same three arrivals, by {SENDERS} senders, in any partition")
            played.load(20)
            print(played.check())


def test_partitions_are_divided_anew_in_the_middle_of_batches(broker: LocalKafka, pg_url: str) -> None:
    with scene(broker.address, pg_url, "divided anew", partitions=3) as played:
        played.open()
        with deciding(played.office.settings, broker.address) as first:
            for _ in range(2):
                load = threading.Thread(target=_steadily, args=(played, 12))
                load.start()
                with deciding(played.office.settings, broker.address) as second:
                    until(lambda second=second: "a partition is taken" in second.said())  # type: ignore[misc]
                    played.told.append("another decider came under load, and went")
                load.join()
            print(played.check())
            assert first.runs


def _steadily(played: Scene, times: int) -> None:
    for _ in range(times):
        played.load(8)
        time.sleep(0.05)

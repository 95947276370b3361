"""`leadflow decider`, ended by SIGKILL at a step of its loop: `python -m tests.faults.killed STEP TIMES`.

The step is the loop's own; that it ends there is patched in here, so nothing of it is in the decider.
With the step `apart` nothing ends it: it joins a group of its own, as if the other did not exist, and goes on
where that one was and is committed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.structs import ConsumerGroupMetadata

from consumers.broker import Member
from consumers.kafka_broker import KafkaGroup
from consumers.partition import PartitionDecider
from leadflow.cli import main
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.topics import TopicNames

STEPS = ("polled", "decided", "sent", "offsets sent", "before commit", "after commit", "fenced")


class End:
    """Ends this process the n-th time that it is reached."""

    def __init__(self, times: int) -> None:
        self._left = times

    def reached(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def _after(kind: type[Any], name: str, end: End, counts: Callable[[Any], bool]) -> None:
    real = getattr(kind, name)

    def then_end(self: Any, *args: Any, **named: Any) -> Any:
        found = real(self, *args, **named)
        if counts(found):
            end.reached()
        return found

    setattr(kind, name, then_end)


def _before(kind: type[Any], name: str, end: End, first: Callable[[Any], object]) -> None:
    real = getattr(kind, name)

    def end_first(self: Any, *args: Any, **named: Any) -> Any:
        first(self)
        end.reached()
        return real(self, *args, **named)

    setattr(kind, name, end_first)


def _work_apart() -> None:
    """Take every partition without being in the group, and commit the group's offsets all the same."""
    real = KafkaGroup.__init__

    def apart(
        self: KafkaGroup,
        cluster: Cluster,
        names: TopicNames,
        group: str,
        topics: Sequence[str],
        member: Member,
    ) -> None:
        real(self, cluster, names, f"{group}-apart", topics, member)
        offsets = self._opened(cluster.consumer("apart", group_id=group))
        # Whoever names no member is not asked for one.
        nobody = ConsumerGroupMetadata(group, -1, "", None)
        setattr(self, "committed", lambda place: offsets.committed(place))  # noqa: B010
        setattr(self, "member", lambda: nobody)  # noqa: B010

    setattr(KafkaGroup, "__init__", apart)  # noqa: B010


def patch(step: str, times: int) -> None:
    """Have this process end at a step."""
    end = End(times)
    match step:
        case "polled":
            _after(KafkaGroup, "poll", end, bool)
        case "decided":
            _after(PartitionDecider, "_decide", end, lambda work: bool(work.places))
        case "sent":
            # Every record has come through by then, and no offset.
            _before(KafkaProducer, "send_offsets_to_transaction", end, lambda producer: producer.flush())
        case "offsets sent":
            _after(KafkaProducer, "send_offsets_to_transaction", end, lambda _: True)
        case "before commit":
            _before(KafkaProducer, "commit_transaction", end, lambda _: None)
        case "after commit":
            _after(KafkaProducer, "commit_transaction", end, lambda _: True)
        case "fenced":
            _after(KafkaProducer, "init_transactions", end, lambda _: True)
        case "apart":
            _work_apart()
        case _:
            raise SystemExit(f"{step!r} is none of {STEPS}")


if __name__ == "__main__":
    patch(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["leadflow", "decider"]
    main()

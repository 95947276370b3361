"""The coordinator of the simulated deciders' group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from tests.simulation.world import MS, S, World

SESSION = 6 * S
"""After so long without a sign of life a member is given up."""
REBALANCE = 10 * S
"""How long the group waits for its members to join again."""


@dataclass
class GroupMember:
    """A member as the coordinator knows it."""

    alive: Callable[[], bool]
    topics: Sequence[str]
    joined: bool = False
    knows: int = 0
    """The generation whose assignment it has been given."""
    assigned: tuple[TopicPartition, ...] = ()
    quiet_since: int | None = None


class Group:
    """The coordinator of the deciders' group; partitions are divided by ranges, all given up at once."""

    def __init__(
        self, world: World, partitions: int, down: Callable[[], bool], told: Callable[[], None]
    ) -> None:
        """`down` says whether the cluster is away; `told` lets everybody know of a division."""
        self._world = world
        self._partitions = partitions
        self._down = down
        self._told = told
        self.members: dict[str, GroupMember] = {}
        self.generation = 0
        self.dividing = False
        self._round = 0
        self._watch()

    def _watch(self) -> None:
        world = self._world
        for name, member in list(self.members.items()):
            if self._down() or member.alive():
                member.quiet_since = None
            elif member.quiet_since is None:
                member.quiet_since = world.now
            elif world.now - member.quiet_since >= SESSION:
                world.say(lambda name=name: f"the group gives up {name}")  # type: ignore[misc]
                self.leave(name)
        world.after(500 * MS, self._watch)

    def join(self, name: str, member: GroupMember) -> None:
        """A member joins, for the first time or again after its partitions were revoked."""
        self.members.setdefault(name, member)
        if not self.dividing:
            self._divide_anew()
        self.members[name].joined = True
        self._complete_if_all()

    def leave(self, name: str) -> None:
        if self.members.pop(name, None) is not None:
            if not self.dividing:
                self._divide_anew()
            self._complete_if_all()

    def _divide_anew(self) -> None:
        self.dividing = True
        self._round += 1
        this = self._round
        for member in self.members.values():
            member.joined = False
        self._world.after(REBALANCE, lambda: self._give_up_late(this))

    def _give_up_late(self, this: int) -> None:
        if self.dividing and self._round == this and self._down():
            # The coordinator is away as well, and counts anew when it is back.
            self._world.after(REBALANCE, lambda: self._give_up_late(this))
        elif self.dividing and self._round == this:
            for name in [name for name, member in self.members.items() if not member.joined]:
                self.members.pop(name)
            self._complete_if_all()

    def _complete_if_all(self) -> None:
        if not self.dividing or not all(member.joined for member in self.members.values()):
            return
        self.dividing = False
        self.generation += 1
        names, count = sorted(self.members), self._partitions
        for at, name in enumerate(names):
            size, more = divmod(count, len(names))
            first = at * size + min(at, more)
            mine = range(first, first + size + (at < more))
            member = self.members[name]
            member.assigned = tuple(TopicPartition(topic, one) for topic in member.topics for one in mine)
            self._world.say(lambda name=name, mine=mine: f"{name} gets {list(mine)}")  # type: ignore[misc]
        self._told()

    def gave(self, partition: int, process: str) -> bool:
        """Whether a partition is one of this process's, as far as the group has decided."""
        return any(
            place.partition == partition
            for name, member in self.members.items()
            if name.startswith(f"{process}.")
            for place in member.assigned
        )

    def check(self, member: tuple[int, str]) -> None:
        generation, name = member
        if name not in self.members:
            raise kafka_errors.UnknownMemberIdError(name)
        if generation != self.generation:
            raise kafka_errors.IllegalGenerationError(f"{generation} is not {self.generation}")

"""Notifications as doors ask for them, in an actor's name; and what sends them, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import new_request_id
from leadflow.bootstrap.database import open_database
from leadflow.domain.access import LOCAL
from leadflow.domain.values import id_of
from leadflow.errors import AlreadyThere, NotFound, NotPermitted, UsageError
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.reading import Log
from leadflow.notifications.addresses import mail_address, target_of
from leadflow.notifications.attempts import Answer
from leadflow.notifications.contents import trial_content
from leadflow.notifications.kinds import KINDS as KINDS
from leadflow.notifications.kinds import kinds_for
from leadflow.notifications.ledger import Ledger
from leadflow.notifications.ledger import Notification as Notification
from leadflow.notifications.rights import Rights
from leadflow.notifications.subscriptions import DO_LIST, Subscriptions, Way, new_secret
from leadflow.notifications.subscriptions import Subscription as Subscription
from leadflow.postgres import Database
from leadflow.settings import Settings

if TYPE_CHECKING:
    from consumers.delivering import Courier
    from consumers.notifier import Notifier
    from consumers.operating import Operating
    from leadflow.log.kafka import KafkaLog

ROLES = ("rep", "manager")
"""Members of other roles are told of nothing."""
KEEP_SECRET = timedelta(hours=24)
"""How long a secret that was replaced signs as well."""
CONNECTIONS_MAX = 2
"""The notifier's own to Postgres: it never waits for those of others."""
REACH_WAIT_MS = 2_000
"""How long the notifier, which has others to tell meanwhile, waits to hear whether Kafka is there."""


class Notifying:
    """Subscriptions and notifications, for an actor: a rep's own, and those of a manager's pools."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._subscriptions = Subscriptions(app.database)
        self._ledger = Ledger(app.database)

    # --- subscriptions --------------------------------------------------------------------------

    def subscribe(
        self,
        actor: str,
        pool: str,
        way: Way,
        address: str,
        *,
        member: str | None = None,
        role: str | None = None,
        kinds: Sequence[str] = (),
    ) -> tuple[Subscription, str | None]:
        """Tell a member (the actor, if nobody is named), or everybody with a role, from now on.

        Gives the subscription, and a webhook's secret, which is shown this one time. No `kinds` are all that
        there are for the role. Raises UsageError, NotFound for an unknown pool, NotPermitted, AlreadyThere.
        """
        rights = Rights(self._app.views)
        self._app.views.pool(pool)
        member, role = self._whose(rights, actor, pool, member, role)
        possible = kinds_for(role)
        if wrong := [kind for kind in kinds if kind not in possible]:
            raise UsageError(
                f"a {role} is never told of {', '.join(wrong)}", do=f"There are: {', '.join(possible)}."
            )
        webhook = way == "webhook"
        if webhook:
            target_of(address, private=self._app.settings.notify_private == "allow")
        else:
            address = self._mail_address(address)
        self._refuse_second(pool, member, None if member is not None else role, address)
        secret = new_secret() if webhook else None
        made = self._subscriptions.add(
            self._app.log,
            pool=pool,
            member=member,
            role=None if member is not None else role,
            kinds=list(dict.fromkeys(kinds or possible)),
            way=way,
            address=address,
            secret=secret,
            created_by=actor,
            now=datetime.now(UTC),
        )
        return made, secret

    def _whose(
        self, rights: Rights, actor: str, pool: str, member: str | None, role: str | None
    ) -> tuple[str | None, str]:
        """The member who is told, if one is, and the role that decides of what."""
        if member is not None and role is not None:
            raise UsageError("a subscription is a member's or a role's, not both", do="Name one of them.")
        if member is None and role is None:
            member = id_of(actor)
            if member == LOCAL:
                raise UsageError("who is to be told?", do="Name a member, or a role (rep, manager).")
        if not rights.may_subscribe(actor, pool, member):
            whose = member or f"everybody who is {role}"
            raise NotPermitted(
                f"{actor} may not subscribe for {whose} in pool {pool}",
                do="A rep may for itself, a manager for anybody in its pools; see `--as`.",
            )
        found = role if member is None else rights.role(pool, member)
        if found is None:
            raise NotFound(f"{member} is no member of pool {pool}", do="See `leadflow member list`.")
        if found not in ROLES:
            what = f"{member} is {found}" if member else f"{found!r} is no role that is told of anything"
            raise UsageError(what, do=f"Notifications are for: {', '.join(ROLES)}.")
        return member, found

    def _refuse_second(self, pool: str, member: str | None, role: str | None, address: str) -> None:
        """Nobody is to be told twice, because a command was given twice."""
        for one in self._subscriptions.list(pool):
            if (one.member, one.role, one.address) == (member, role, address):
                raise AlreadyThere(
                    f"subscription {one.id} tells {one.whose} there already", do="End that one to change it."
                )

    def _mail_address(self, address: str) -> str:
        from leadflow.notifications.mails import MailServer

        if MailServer.of(self._app.settings) is None:
            raise UsageError(
                "no mail server is named that e-mails could be sent through",
                do="Set LEADFLOW_SMTP_HOST and LEADFLOW_SMTP_FROM, here and where the notifier runs.",
            )
        return mail_address(address)

    def list(self, actor: str, pool: str | None = None, *, disabled: bool = False) -> Sequence[Subscription]:
        """The subscriptions that the actor may change; with `disabled`, those that ended as well."""
        rights = Rights(self._app.views)
        found = self._subscriptions.list(pool, disabled=disabled)
        return [one for one in found if self._may(rights, actor, one)]

    def get(self, actor: str, name: str) -> Subscription:
        """One of them. Raises NotFound for any other, alike."""
        found = self._subscriptions.get(name)
        if not self._may(Rights(self._app.views), actor, found):
            raise NotFound(f"there is no subscription {name!r}", do=DO_LIST)
        return found

    def unsubscribe(self, actor: str, name: str) -> int:
        """End a subscription; what waits for it is dropped: says how much that was. Raises NotFound."""
        self.get(actor, name)
        return self._subscriptions.disable(name, f"ended by {actor}", datetime.now(UTC))

    def rotate(self, actor: str, name: str, keep: timedelta = KEEP_SECRET) -> tuple[Subscription, str]:
        """Sign with another secret, which is shown this one time; the one before signs as well for `keep`.

        Raises NotFound, UsageError for a subscription that signs nothing or has ended.
        """
        self._active(self.get(actor, name))
        secret = new_secret()
        return self._subscriptions.rotate(name, secret, datetime.now(UTC), keep), secret

    def test(self, actor: str, name: str) -> Answer:
        """Send a test to a subscription's address at once, and say what became of it. Raises as `rotate`."""
        found = self._active(self.get(actor, name))
        now = datetime.now(UTC)
        message = f"test/{new_request_id()}/{found.id}"
        return courier_of(self._app.settings).send(found, message, trial_content(found.pool, now), now)

    @staticmethod
    def _active(found: Subscription) -> Subscription:
        if found.disabled_at is not None:
            raise UsageError(f"subscription {found.id} has ended: {found.disabled_why}", do="Subscribe anew.")
        return found

    @staticmethod
    def _may(rights: Rights, actor: str, one: Subscription) -> bool:
        return rights.may_subscribe(actor, one.pool, one.member)

    # --- notifications --------------------------------------------------------------------------

    def notifications(
        self, actor: str, state: str | None, *, limit: int = 100, after: int = 0
    ) -> Sequence[tuple[Notification, Subscription]]:
        """Notifications of the actor's subscriptions in a state (or in any), the oldest first, with what
        they are for; those after the one with the number `after`."""
        mine = {one.id: one for one in self.list(actor, disabled=True)}
        found: list[tuple[Notification, Subscription]] = []
        while len(found) < limit:
            page = self._ledger.list(state, limit=limit, after=after)
            found += [(one, mine[one.subscription]) for one in page if one.subscription in mine]
            if len(page) < limit:
                break
            after = page[-1].id
        return found[:limit]

    def replay(self, actor: str, number: int) -> Notification:
        """Try a parked one again. Raises NotFound, UsageError for one that cannot be."""
        self._mine(actor, number)
        return self._ledger.replay(number, datetime.now(UTC))

    def drop(self, actor: str, number: int) -> Notification:
        """Give a parked one up. Raises NotFound, UsageError for one that is not parked."""
        self._mine(actor, number)
        return self._ledger.discard(number, actor, datetime.now(UTC))

    def _mine(self, actor: str, number: int) -> None:
        try:
            self.get(actor, self._ledger.get(number).subscription)
        except NotFound:
            do = "See `leadflow notify parked`."
            raise NotFound(f"there is no notification {number}", do=do) from None


def courier_of(settings: Settings) -> Courier:
    """What sends, by the settings. Raises UsageError for a mail server that cannot be used so."""
    from consumers.delivering import Courier
    from leadflow.notifications.mails import Mails, MailServer
    from leadflow.notifications.webhooks import Webhooks

    return Courier(Webhooks(private=settings.notify_private == "allow"), Mails(MailServer.of(settings)))


@contextmanager
def notifier_of(
    settings: Settings,
    log: Log,
    url: str,
    operating: Operating | None = None,
    reach: Callable[[], None] | None = None,
) -> Iterator[Notifier]:
    """What notifies, of one log and the database at `url`, with connections of its own. `reach` raises where
    the log is away. Raises UsageError."""
    from consumers.notifier import Notifier

    with Database(url, size_max=CONNECTIONS_MAX) as database:
        courier = courier_of(settings)
        yield Notifier(log, database, courier, operating, public_url=settings.public_url, reach=reach)


@contextmanager
def open_notifier(settings: Settings, operating: Operating) -> Iterator[Notifier]:
    """What notifies of the log that the settings name, ready to `run`. Raises UsageError, Unavailable."""
    with ExitStack() as stack:
        url = settings.database_url
        if url is None:
            url, _ = stack.enter_context(open_database(settings))
        if settings.kafka is None:
            log = stack.enter_context(EmbeddedLog(url))
            yield stack.enter_context(notifier_of(settings, log, url, operating))
        else:
            far = _kafka(settings, stack)
            reach = partial(far.reach, REACH_WAIT_MS)
            yield stack.enter_context(notifier_of(settings, far, url, operating, reach))


def _kafka(settings: Settings, stack: ExitStack) -> KafkaLog:
    # Its client takes a moment to import.
    from leadflow.log.kafka import Cluster, KafkaLog
    from leadflow.log.kafka.topics import TopicNames

    topic = TopicNames.of(settings.kafka_prefix).events
    return stack.enter_context(KafkaLog(Cluster.of(settings), topic))


__all__ = ["KINDS", "ROLES", "Notifying", "courier_of", "notifier_of", "open_notifier"]

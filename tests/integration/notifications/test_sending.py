"""What becomes of attempts: tried again, parked, replayed; and no receiver holds up another."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from standardwebhooks.webhooks import WebhookVerificationError

from consumers.delivering import WORKERS
from consumers.operating import Operating
from leadflow.errors import Unavailable, UsageError
from leadflow.notifications import webhooks
from leadflow.notifications.attempts import ATTEMPTS_MAX, JITTER, PAUSES_S
from leadflow.notifications.ledger import LEASE
from leadflow.notifications.subscriptions import new_secret
from tests.bureau import PATIENCE_S, Bureau
from tests.processes import until
from tests.receivers import NewReceiver, Receiver


def test_what_fails_is_tried_again_ever_later_then_parked_and_can_be_replayed(
    bureau: Bureau, receiver: Receiver
) -> None:
    print("seed", bureau.seed)
    one = bureau.subscribe(receiver.url)
    bureau.assigned(1)
    receiver.status = 500
    bureau.settle()
    for attempt, pause_s in enumerate(PAUSES_S, 1):
        assert len(receiver.received) == attempt
        due = bureau.rows()[0].next_attempt - bureau.clock.now()
        assert (1 - JITTER) * pause_s <= due.total_seconds() <= (1 + JITTER) * pause_s
        bureau.later(seconds=due.total_seconds() - 0.5)
        bureau.settle()
        assert len(receiver.received) == attempt, "not before it is due"
        bureau.later(seconds=1)
        bureau.settle()
    (row,) = bureau.rows("parked")
    assert (row.attempts, row.problem) == (ATTEMPTS_MAX, "the receiver answered 500")
    assert len(receiver.received) == ATTEMPTS_MAX
    bureau.later(days=30)
    bureau.settle()
    assert len(receiver.received) == ATTEMPTS_MAX

    receiver.status = 200
    bureau.ledger.replay(row.id, bureau.clock.now())
    bureau.settle()
    assert {got.id for got in receiver.received} == {f"{row.fact}/{one.id}"}
    assert {got.body for got in receiver.received} == {receiver.received[0].body}
    assert [found.state for found in bureau.rows()] == ["sent"]
    with pytest.raises(UsageError, match="sent, not parked"):
        bureau.ledger.replay(row.id, bureau.clock.now())


def test_gone_ends_the_subscription(bureau: Bureau, receiver: Receiver) -> None:
    one = bureau.subscribe(receiver.url)
    bureau.assigned(3)
    receiver.status = 410
    bureau.settle()
    assert len(receiver.received) == 1
    assert [row.state for row in bureau.rows()] == ["parked", "dropped", "dropped"]
    ended = bureau.subscriptions.get(one.id)
    assert ended.disabled_at is not None
    assert "410" in (ended.disabled_why or "")
    with pytest.raises(UsageError, match="has ended"):
        bureau.ledger.replay(bureau.rows("parked")[0].id, bureau.clock.now())
    row = bureau.ledger.discard(bureau.rows("parked")[0].id, "manager/ma", bureau.clock.now())
    assert row.problem is not None
    assert row.problem.endswith("dropped by manager/ma")
    bureau.assigned(1, first=7)
    bureau.settle()
    assert len(bureau.rows()) == 3


def test_broken_receivers_do_not_hold_up_the_others(bureau: Bureau, new_receiver: NewReceiver) -> None:
    """More of them than there are places, and each that gets one holds on to it."""
    good, released = new_receiver(), threading.Event()
    bad = new_receiver()
    bad.status = 500
    for _ in range(WORKERS * 2):
        bureau.subscribe(bad.url)
    bureau.assigned(1)
    bureau.settle()
    bad.answer = lambda handler: released.wait(PATIENCE_S) and None  # type: ignore[assignment]
    bureau.later(minutes=10)
    one = bureau.subscribe(good.url)
    facts = bureau.assigned(5, first=20)
    # All the bad ones are due again, and have new ones too; each step waits for none of them.
    bureau.notifier.step()
    bureau.notifier.step()
    try:
        for _ in facts:
            assert good.arrived.acquire(timeout=PATIENCE_S)
            # None of the bad ones ends before it is released.
            until(lambda: any(attempt.done() for attempt in bureau.notifier.delivering.under_way))
            bureau.notifier.step()
        assert good.ids == [f"{fact}/{one.id}" for fact in facts]
        assert len(bureau.rows("sent")) == len(facts)
    finally:
        released.set()


def test_a_changed_secret_signs_at_once_and_the_one_before_for_a_while(
    bureau: Bureau, receiver: Receiver
) -> None:
    one = bureau.subscribe(receiver.url)
    old, new = one.secrets[0]["secret"], new_secret()
    bureau.subscriptions.rotate(one.id, new, bureau.clock.now(), timedelta(hours=1))
    bureau.assigned(1)
    bureau.settle()
    assert receiver.received[0].verified(old) == receiver.received[0].verified(new)
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified(new_secret())
    # The library holds the time of signing against the present.
    now = bureau.clock.time
    newest = new_secret()
    bureau.subscriptions.rotate(one.id, newest, now - timedelta(hours=2), timedelta(hours=1))
    bureau.assigned(1, first=2)
    bureau.settle()
    receiver.received[1].verified(newest)
    for secret in (old, new):
        with pytest.raises(WebhookVerificationError):
            receiver.received[1].verified(secret)


def test_a_lease_that_ran_out_is_anybodys_and_a_late_failure_changes_nothing(
    bureau: Bureau, receiver: Receiver
) -> None:
    bureau.subscribe(receiver.url)
    bureau.assigned(1)
    first, second = bureau.another(), bureau.another()
    held = threading.Event()
    receiver.answer = lambda handler: handler.send_error(500) if held.wait(PATIENCE_S) else None
    first.step()
    first.step()
    assert receiver.arrived.acquire(timeout=PATIENCE_S)
    receiver.answer = None
    bureau.settle(second)
    assert [row.state for row in bureau.rows()] == ["pending"], "it is leased"
    bureau.later(seconds=LEASE.total_seconds() + 1)
    bureau.settle(second)
    assert [row.state for row in bureau.rows()] == ["sent"]
    held.set()
    bureau.settle(first)
    (row,) = bureau.rows()
    assert (row.state, row.attempts) == ("sent", 2)
    assert len(set(receiver.ids)) == 1
    first.close()


def test_what_was_sent_long_ago_is_forgotten_and_never_made_again(bureau: Bureau, receiver: Receiver) -> None:
    bureau.subscribe(receiver.url)
    bureau.assigned(2)
    bureau.settle()
    bureau.later(days=91)
    bureau.settle()
    assert bureau.rows() == []
    bureau.projections.rebuild()
    bureau.settle()
    assert len(receiver.received) == 2


def figures(operating: Operating) -> dict[str, float]:
    _, body = operating.exposed("text/plain")
    return {
        " ".join([sample.name, *sorted(sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.startswith("leadflow_notifications")
    }


def test_figures_tell_what_was_sent_waits_and_was_given_up(bureau: Bureau, new_receiver: NewReceiver) -> None:
    good, bad = new_receiver(), new_receiver()
    bad.status = 500
    operating = Operating("notifier")
    notifier = bureau.another(operating=operating)
    bureau.subscribe(good.url)
    bureau.subscribe(bad.url)
    bureau.assigned(2)
    bureau.settle(notifier)
    bureau.later(seconds=1)
    bureau.settle(notifier)
    found = figures(operating)
    assert found["leadflow_notifications_total sent webhook"] == 2
    assert found["leadflow_notifications_total failed webhook"] == 2
    assert (found["leadflow_notifications_waiting"], found["leadflow_notifications_parked"]) == (2, 0)
    assert found["leadflow_notifications_oldest_seconds"] == 1
    bad.status = 410
    bureau.later(minutes=1)
    bureau.settle(notifier)
    found = figures(operating)
    assert found["leadflow_notifications_total parked webhook"] == 1
    assert (found["leadflow_notifications_waiting"], found["leadflow_notifications_parked"]) == (0, 1)
    assert found["leadflow_notifications_oldest_seconds"] == 0
    notifier.close()


def test_what_was_sent_while_the_database_was_away_is_written_down_when_it_is_back(
    bureau: Bureau, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.subscribe(receiver.url)
    bureau.assigned(1)
    bureau.notifier.step()
    bureau.notifier.step()
    assert receiver.arrived.acquire(timeout=PATIENCE_S)
    wait(bureau.notifier.delivering.under_way)

    def away(*_: object) -> str:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(bureau.notifier.ledger, "record", away)
        for _ in range(3):
            with pytest.raises(Unavailable):
                bureau.notifier.step()
    assert [row.state for row in bureau.rows()] == ["pending"]
    bureau.settle()
    assert [row.state for row in bureau.rows()] == ["sent"]
    assert len(receiver.received) == 1


def test_a_bug_while_sending_says_nothing_of_addresses(
    bureau: Bureau, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("https://hooks.example.com/secret")

    bureau.subscribe(receiver.url)
    bureau.assigned(1)
    monkeypatch.setattr(webhooks, "signed", broken)
    bureau.settle()
    (row,) = bureau.rows()
    assert (row.state, row.problem) == ("pending", "a bug of LeadFlow: ZeroDivisionError")
    said = capsys.readouterr()
    assert "secret" not in said.out + said.err
    assert "/hook" not in said.out + said.err

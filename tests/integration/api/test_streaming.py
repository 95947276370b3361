"""Facts as they come: who is sent what, and that nothing is sent twice or missed, whoever hangs up."""

from __future__ import annotations

import random
import socket
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from leadflow.api import server, streaming
from leadflow.bootstrap import feeds
from leadflow.bootstrap.asking import request_of
from leadflow.domain import requests as r
from tests.doors import Client, Door, door, office_template
from tests.listeners import EVENTS, WAIT_S, Listener, Message, is_fact, messages, types
from tests.office import EMAIL, NAME, PHONE, WECHAT
from tests.processes import until

__all__ = ["door", "office_template"]


def path_of(lead: str) -> str:
    return f"/v1/pools/east/leads/{lead}"


def test_everybody_is_sent_what_the_role_may_see(door: Door) -> None:
    people = ("manager/ma", "auditor/an", "rep/wang", "rep/li", "marketing/mei", "support/su")
    readers = {actor: Listener(door, actor) for actor in people}
    lead = door.office.arrives("card-1")
    for actor in ("rep/wang", "rep/li", "marketing/mei"):
        (captured,) = readers[actor].until(is_fact("leadflow.lead.captured.v1"))
        assert captured.fact["masked"]
        assert captured.fact["says"] is None
        for secret in (PHONE, EMAIL, WECHAT, NAME, "想看演示", "example.com", "card-1"):
            assert secret not in captured["data"], (actor, secret)
        assert captured.fact["data"]["company"]["name"] == "蓝海物流"
    wang = door.as_("rep/wang")
    wang.post(path_of(lead) + "/claim")
    door.as_("rep/li").post(path_of(lead) + "/claim", status=409)
    wang.post(path_of(lead) + "/contacts", {"outcome": "reached", "note": "wants a demo"})
    wang.post(path_of(lead) + "/collaborators", {"member": "su"})
    wang.post(path_of(lead) + "/return")
    end = is_fact("leadflow.lead.recycled.v1")
    ma = readers["manager/ma"].until(end)
    assert types(ma) == [
        "lead.captured",
        "lead.claimed",
        "request.refused",
        "lead.contact_logged",
        "lead.collaborator_added",
        "lead.recycled",
    ]
    assert ma[0].fact["data"]["person"]["phones"] == [PHONE]
    assert ma[3].fact["data"]["person"]["note"] == "wants a demo"
    an = readers["auditor/an"].until(end)
    assert types(an) == types(ma)
    assert not any(text in one["data"] for one in an for text in (PHONE, NAME, "wants a demo", "example.com"))
    own = readers["rep/wang"].until(end)
    assert "request.refused" in types(own)
    # Of a lead that another one owns nothing is told but that it is gone, nor what was refused to others.
    li = readers["rep/li"].until(end)
    assert [one for one in types(li) if one != "request.refused"] == ["gone", "lead.recycled"]
    assert types(readers["marketing/mei"].until(end)) == ["gone", "lead.recycled"]
    assert types(readers["support/su"].until(is_fact("gone"))) in (
        ["lead.collaborator_added", "gone"],
        ["gone"],
    )
    (left,) = [one.fact for one in li if one["event"] == "gone"]
    assert left == {"id": li[0]["id"], "type": "gone", "time": left["time"], "subject": lead}


def test_what_is_no_lead_is_for_managers_and_auditors(door: Door) -> None:
    readers = {actor: Listener(door, actor) for actor in ("manager/ma", "rep/wang")}
    door.as_("manager/ma").post("/v1/pools/east/members/li/pause")
    lead = door.office.arrives("card-1")
    assert types(readers["manager/ma"].until(is_fact("leadflow.lead.captured.v1"))) == [
        "member.paused",
        "lead.captured",
    ]
    (first,) = readers["rep/wang"].until(is_fact("leadflow.lead.captured.v1"))
    assert first.fact["subject"] == lead


def sequence_of(identity: str) -> int:
    return int(identity.rpartition("/")[2])


def test_nothing_is_missed_or_sent_twice_while_many_claim_and_readers_hang_up(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.3)
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    before = door.app.log.last("east")
    done = threading.Event()

    def storm() -> None:
        try:
            many_claim()
        finally:
            done.set()

    def many_claim() -> None:
        leads = [door.office.arrives(f"card-{n}", phone=f"+861380013{n:04}") for n in range(12)]
        people = [door.as_("rep/wang"), door.as_("rep/li")]
        with ThreadPoolExecutor(6) as pool:
            claims = [(who, lead) for lead in leads for who in people]
            list(pool.map(lambda one: claim(*one), claims))
        door.office.ask("manager/ma", r.RemoveMember(member="wang"))

    def claim(who: Client, lead: str) -> None:
        who._http.post(path_of(lead) + "/claim", headers=who._headers)

    thread = threading.Thread(target=storm)
    thread.start()
    found: list[Message] = []
    last = f"east/{before}"
    token = door.token("manager/ma")
    while not done.is_set() or sequence_of(last) < door.app.log.last("east"):
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": last}
        left = chance.randrange(1, 20)
        with httpx.stream("GET", door.address + EVENTS, headers=headers, timeout=WAIT_S) as answer:
            for message in messages(answer.iter_lines()):
                if "data" in message:
                    found.append(message)
                    last, left = message["id"], left - 1
                if left == 0 or (done.is_set() and sequence_of(last) == door.app.log.last("east")):
                    break
    thread.join()
    sequences = [sequence_of(one["id"]) for one in found]
    assert sequences == list(range(before + 1, door.app.log.last("east") + 1))
    assert sum(one["event"] == "leadflow.lead.claimed.v1" for one in found) <= 12


def test_whoever_is_far_behind_reads_from_the_log(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "RECENT_FACTS", 3)
    monkeypatch.setattr(feeds, "PAGE_FACTS", 4)
    for n in range(10):
        door.office.arrives(f"card-{n}", phone=f"+861380013{n:04}")
    door.office.ask("manager/ma", r.RemoveMember(member="li", leads_to="wang"))
    end = is_fact("leadflow.member.left.v1")
    found = Listener(door, "manager/ma", **{"Last-Event-ID": "east/0"}).until(end)
    assert [one["id"] for one in found] == [f"east/{n}" for n in range(1, door.app.log.last("east") + 1)]
    assert "policy" not in found[1].fact["data"]


def test_decisions_come_whole(door: Door) -> None:
    door.office.arrives("ad-1", channel="baidu_ads")
    reader = Listener(door, "manager/ma", **{"Last-Event-ID": "east/0"})
    facts = [one.fact for one in reader.until(is_fact("leadflow.lead.assigned.v1"))]
    assert [(one["index"], one["count"]) for one in facts[-2:]] == [(1, 2), (2, 2)]


@pytest.mark.parametrize("last", ["west/1", "east/x", "east/-1", "east/999999", "nonsense"])
def test_a_place_that_is_none_is_refused(door: Door, last: str) -> None:
    ma = door.as_("manager/ma")
    problem = ma.get(EVENTS, headers={"Last-Event-ID": last}, status=422)
    assert problem["errors"][0]["field"] == "Last-Event-ID"
    assert ma.get(f"{EVENTS}?after=999999", status=422)["errors"][0]["field"] == "after"


def test_for_whom_it_is_not(door: Door) -> None:
    for actor in ("analyst/ann", "adapter/website", "rep/zhao", "manager/mo"):
        door.as_(actor).get(EVENTS, status=403)
    door.as_("manager/ma", "report").get(EVENTS, status=403)
    door.as_("manager/ma").get("/v1/pools/nowhere/events", status=404)
    door.nobody().get(EVENTS, status=401)


def test_it_ends_with_the_membership(door: Door) -> None:
    reader = Listener(door, "rep/li", **{"Last-Event-ID": "east/0"})
    door.office.ask("manager/ma", r.RemoveMember(member="li", leads_to="wang"))
    door.app.settle()
    door.office.arrives("card-1")
    assert is_fact("end")(reader.until(lambda found: True)[-1])
    assert reader.next() is None


def test_it_ends_with_the_token_also_where_nothing_happens(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(streaming, "CHECK_S", 0.1)
    reader = Listener(door, "rep/li")
    assert reader.next() == {"comment": ""}
    tokens = door.app.identities.tokens
    for token in tokens.all():
        tokens.revoke(token.id, by="manager/local")
    (ended,) = reader.until(is_fact("end"))
    assert reader._token not in ended["data"]


def test_it_moves_on_past_what_is_not_for_the_reader(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Listener(door, "rep/li")
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.2)
    door.as_("manager/ma").post("/v1/pools/east/members/wang/pause")
    door.office.arrives("card-1")
    (captured,) = reader.until(is_fact("leadflow.lead.captured.v1"))
    door.as_("manager/ma").post("/v1/pools/east/members/wang/resume")
    while (found := reader.next()) is not None and found.get("id", captured["id"]) == captured["id"]:
        pass
    assert found is not None
    assert "data" not in found


@contextmanager
def connected(door: Door, token: str) -> Iterator[socket.socket]:
    """A reader that reads only what it wants to."""
    place = urlsplit(door.address)
    with closing(socket.create_connection((place.hostname, place.port))) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask = f"GET {EVENTS}?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        sock.sendall(ask.encode())
        sock.settimeout(WAIT_S)
        yield sock


def test_who_takes_nothing_is_cut_off_and_goes_on(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "SEND_S", 0.3)
    monkeypatch.setattr(feeds, "PAGE_FACTS", 20)
    bound = server.bound

    def narrow(http: str) -> socket.socket:
        found = bound(http)
        # What a system keeps for a reader would otherwise be several megabytes.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        return found

    monkeypatch.setattr(server, "bound", narrow)
    door: Door = request.getfixturevalue("door")
    lead = door.office.arrives("card-1")
    said = r.LogContact(lead=lead, outcome="reached", note="long " * 700, rep="wang")
    door.as_("rep/wang").post(path_of(lead) + "/claim")
    door.app.submit([request_of("east", "manager/ma", uuid.uuid4().hex, said) for _ in range(200)])
    door.app.settle()
    with connected(door, door.token("manager/ma")) as slow:
        slow.recv(10)
        until(lambda: not door.service.feeds.readers)
        # What was under way comes, then the end.
        got = b""
        while piece := slow.recv(65536):
            got += piece
    end = door.app.log.last("east")
    # It may have been cut off within an event, and there within its id: what has no end did not come.
    came = got[: got.rindex(b"\n\n")].decode()
    ids = [line.rpartition("/")[2] for line in came.splitlines() if line[:3] == "id:"]
    assert 0 < int(ids[-1]) < end
    # The next reader takes what comes, as fast as the machine lets it.
    monkeypatch.setattr(streaming, "SEND_S", WAIT_S)
    found = Listener(door, "manager/ma", **{"Last-Event-ID": f"east/{ids[-1]}"}).until(
        lambda one: one["id"] == f"east/{end}"
    )
    assert [one["id"] for one in found] == [f"east/{n}" for n in range(int(ids[-1]) + 1, end + 1)]


def test_feeds_end_also_where_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who closes them gives two signs: here, between the looks at the one and at the other."""
    stopping = threading.Event()
    followed = feeds.Feeds(None, stopping)  # type: ignore[arg-type]
    clear = followed._wanted.clear

    def too_late() -> None:
        stopping.set()
        followed._wanted.set()
        clear()

    monkeypatch.setattr(followed._wanted, "clear", too_late)
    thread = threading.Thread(target=followed._run, daemon=True)
    thread.start()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    followed.close()

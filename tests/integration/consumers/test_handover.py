"""Handing requests to a running engine over its socket."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers import handover
from consumers.group_commit import GroupCommit
from consumers.handover import HandoverClient, HandoverServer, refuse_second, socket_path
from leadflow.engine import Engine
from leadflow.errors import HomeInUse, LeadflowError, NotFound, Unavailable, UsageError
from leadflow.log.embedded import EmbeddedLog
from tests.team import Ticking, arrival, capture, claim, open_team


@pytest.fixture
def engine(log: EmbeddedLog) -> Engine:
    engine = Engine(log, clock=Ticking())
    open_team(engine)
    return engine


@pytest.fixture
def home(engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """A data directory in which an engine listens."""
    commits = GroupCommit(engine)
    server = HandoverServer(tmp_path, commits)
    yield tmp_path
    server.stop_listening()
    commits.close()
    server.close()


def test_outcomes_come_back_whole(home: Path, engine: Engine) -> None:
    (lead,) = capture(engine, [7])
    client = HandoverClient(home)
    outcomes, position = client.submit(
        [arrival(1), arrival(1), claim("wang", lead), claim("li", lead), arrival(2, "nowhere")]
    )
    client.close()
    created, again, won, lost, wrong = outcomes
    assert [outcome.answer for outcome in outcomes[:4]] == ["created", "duplicate", "done", "refused"]
    assert again.events == created.events
    assert lost.refusal is not None
    assert (lost.refusal.winner, lost.refusal.position) == ("wang", won.events[0].sequence)
    assert won.events == engine.one(claim("wang", lead)).events
    assert isinstance(wrong.error, NotFound)
    assert "nowhere" in str(wrong.error)
    assert position == engine.log.end()


def test_two_clients_at_a_time_each_get_their_own(home: Path, log: EmbeddedLog) -> None:
    answers: dict[int, list[str]] = {}

    def ask(client_number: int) -> None:
        client = HandoverClient(home)
        numbers = range(client_number * 1000, client_number * 1000 + 100)
        outcomes = [client.submit([arrival(number)])[0][0] for number in numbers]
        answers[client_number] = [outcome.events[0].causation for outcome in outcomes]
        client.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (1, 2):
        expected = [f"intake/web_form:form-{n}" for n in range(number * 1000, number * 1000 + 100)]
        assert answers[number] == expected
    assert log.last("east") == 4 + 200


def test_many_requests_go_in_several_questions(home: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(handover, "QUESTION_MAX", 7)
    client = HandoverClient(home)
    outcomes, _ = client.submit([arrival(number) for number in range(20)])
    client.close()
    assert [outcome.events[0].causation for outcome in outcomes] == [
        f"intake/web_form:form-{number}" for number in range(20)
    ]


def test_only_the_owner_may_connect(home: Path) -> None:
    assert socket_path(home).stat().st_mode & 0o077 == 0


def test_one_engine_per_data_directory(home: Path, engine: Engine) -> None:
    commits = GroupCommit(engine)
    with pytest.raises(HomeInUse, match=str(home)):
        HandoverServer(home, commits)
    with pytest.raises(HomeInUse):
        refuse_second(home)
    commits.close()
    assert HandoverClient.reachable(home), "the first one was left alone"


def test_the_socket_of_a_killed_engine_is_taken_over(tmp_path: Path, engine: Engine) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(socket_path(tmp_path)))
    assert not HandoverClient.reachable(tmp_path)
    refuse_second(tmp_path)
    commits = GroupCommit(engine)
    server = HandoverServer(tmp_path, commits)
    assert HandoverClient.reachable(tmp_path)
    server.stop_listening()
    commits.close()
    server.close()
    assert not socket_path(tmp_path).exists()


def test_without_an_engine_there_is_nobody_to_ask(tmp_path: Path) -> None:
    assert not HandoverClient.reachable(tmp_path)
    with pytest.raises(Unavailable, match="no engine is running"):
        HandoverClient(tmp_path)


def test_an_engine_that_ends_while_it_is_looked_for_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: True)
    assert not HandoverClient.reachable(tmp_path)


def test_a_deep_data_directory_listens_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    assert len(str(socket_path(deep))) <= handover.PATH_MAX
    assert socket_path(deep) != socket_path(tmp_path)


def test_an_engine_that_goes_away_says_that_it_can_be_sent_again(
    engine: Engine, tmp_path: Path, log: EmbeddedLog
) -> None:
    commits = GroupCommit(engine)
    server = HandoverServer(tmp_path, commits)
    client = HandoverClient(tmp_path)
    client.submit([arrival(1)])
    server.stop_listening()
    commits.close()
    with pytest.raises(Unavailable, match="stopping"):
        client.submit([arrival(2)])
    server.close()
    client.close()


def _raw(home: Path, data: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(socket_path(home)))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        head = connection.recv(4)
        (length,) = struct.unpack(">I", head)
        parts = b""
        while len(parts) < length:
            parts += connection.recv(length)
        answer: dict[str, Any] = json.loads(parts)
        return answer


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (b'{"requests":["{}"]}', "UsageError"),
        (b'{"requests":["no json"]}', "UsageError"),
        (b'{"other":1}', "BrokenInvariant"),
    ],
)
def test_what_cannot_be_read_is_answered_and_the_engine_goes_on(
    home: Path, question: bytes, kind: str
) -> None:
    answer = _raw(home, struct.pack(">I", len(question)) + question)
    assert answer["error"]["kind"] == kind
    client = HandoverClient(home)
    assert client.submit([arrival(1)])[0][0].answer == "created"
    client.close()


def test_half_a_frame_and_a_frame_too_large_are_refused(home: Path) -> None:
    assert _raw(home, struct.pack(">I", 100) + b"{")["error"]["kind"] == "Unavailable"
    assert "larger" in _raw(home, struct.pack(">I", 2**31))["error"]["what"]
    assert HandoverClient.reachable(home)


def test_every_error_comes_back_as_its_kind() -> None:
    def kinds(kind: type[LeadflowError]) -> Iterator[type[LeadflowError]]:
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    for kind in kinds(LeadflowError):
        document = {"kind": kind.__name__, "what": "it", "where": "there", "do": "this"}
        error = handover._error(document)
        assert isinstance(error, LeadflowError)
        assert (error.what, error.where, error.do) == ("it", "there", "this")
    assert type(handover._error(document | {"kind": "UsageError"})) is UsageError

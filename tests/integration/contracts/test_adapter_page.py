"""Adapters that know LeadFlow only by docs/how-to/write-an-adapter.md: its examples over HTTP."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from leadflow.cli import leadflow
from leadflow.domain.requests import PublishRouting
from leadflow.domain.routing import RoutingTable
from tests.adapters import Adapter, Page, ensure
from tests.doors import Door, door, office_template
from tests.processes import ROOT

__all__ = ["door", "office_template"]

PAGE = Page("how-to/write-an-adapter.md")
CURL, CLOUD_EVENT, _ = PAGE.blocks("sh")
CLIENT, WEBHOOK = PAGE.blocks("python")
(ANSWER,) = PAGE.blocks("json")


@pytest.fixture(scope="module", autouse=True)
def _curl() -> None:
    ensure("curl")


@pytest.fixture
def shown(door: Door, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Runs the command of the page that begins so, beside the API; gives its document."""
    # There are two pools.
    door.office.ask("manager/local", PublishRouting(table=RoutingTable(default="east")), "_company")
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", str(door.app.settings.database_url))
    monkeypatch.setenv("LEADFLOW_HOME", str(door.app.settings.home))

    def run(begins: str) -> dict[str, Any]:
        (command,) = [text for text in PAGE.blocks("console") if text.startswith(f"$ {begins}")]
        done = CliRunner().invoke(leadflow, [*shlex.split(command)[2:], "--json"])
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


@pytest.fixture
def shop(door: Door, shown: Callable[[str], dict[str, Any]], tmp_path: Path) -> Adapter:
    """An adapter with the token that the page makes."""
    made = shown("leadflow token create")
    assert (made["actor"], made["scopes"]) == ("adapter/shop", ["intake"])
    return Adapter(tmp_path, {"LEADFLOW_URL": door.address, "LEADFLOW_TOKEN": made["token"]})


def captured(door: Door, ref: str) -> dict[str, Any]:
    """The data of the fact that an arrival became."""
    for event in door.app.log.read_pool("east"):
        data: dict[str, Any] = json.loads(event.state)["data"]
        if data.get("touch", {}).get("ref") == ref:
            return data
    raise AssertionError(f"nothing came of {ref}")


def test_curl_brings_its_lead_once(door: Door, shop: Adapter) -> None:
    answer, shown = json.loads(shop.shell(CURL)), json.loads(ANSWER)
    assert answer.keys() == shown.keys()
    assert (answer["answer"], answer["request"]) == (shown["answer"], shown["request"])
    data = captured(door, "shop-10017")
    assert (data["touch"]["channel"], data["touch"]["campaign"]) == ("baidu_ads", "autumn")
    assert data["person"]["phones"] == ["+8613800138001"]
    again = json.loads(shop.shell(CURL))
    assert (again["repeated"], again["lead"]) == (True, answer["lead"])


def test_the_client_of_the_tutorial_is_the_one_of_the_page() -> None:
    assert (ROOT / "docs/tutorial/leadflow_client.py").read_text(encoding="utf-8") == CLIENT


def test_the_client_brings_its_lead_once(door: Door, shop: Adapter) -> None:
    assert shop.python(CLIENT).startswith("created ")
    assert captured(door, "shop-10018")["person"]["answers"] == {"预算": "10万"}
    assert shop.python(CLIENT).startswith("duplicate ")


def test_a_webhook_and_a_cloud_event_bring_their_leads(
    door: Door, shown: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    def inlet(kind: str) -> Adapter:
        made = shown(f"leadflow inlet add {kind} ")
        address = door.address + made["path"]
        return Adapter(tmp_path, {"LEADFLOW_INLET": address, "LEADFLOW_SECRET": made["shown_once"]["secret"]})

    signed = inlet("webhook")
    assert "'answer': 'created'" in signed.python(WEBHOOK)
    assert captured(door, "crm-881")["touch"]["channel"] == "referral"
    assert "'answer': 'duplicate'" in signed.python(WEBHOOK)
    spoken = inlet("cloudevents")
    assert json.loads(spoken.shell(CLOUD_EVENT))["arrivals"][0]["answer"] == "created"
    assert json.loads(spoken.shell(CLOUD_EVENT))["arrivals"][0]["answer"] == "duplicate"


# --- the client -------------------------------------------------------------------------------


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client of the page as a module; it notes for how long it would have waited."""
    made: Any = ModuleType("client")
    exec(CLIENT, made.__dict__)
    made.waits = []
    monkeypatch.setattr(made.time, "sleep", made.waits.append)
    return made


ARRIVAL: dict[str, Any] = {"channel": "web_form", "ref": "a-1", "fields": {"phone": "13800138002"}}


def test_the_client_says_what_is_wrong_field_by_field(door: Door, client: Any) -> None:
    shop = client.LeadFlow(door.address + "/", door.token("adapter/shop", "intake"))
    with pytest.raises(client.NotTaken) as told:
        shop.send(channel="web_form", ref="a-2", fields={"name": "nobody"})
    assert told.value.problem["status"] == 422
    assert told.value.problem["errors"][0]["code"] == "no_contact_point"
    with pytest.raises(client.NotTaken) as told:
        client.LeadFlow(door.address, "lf_0_no").send(**ARRIVAL)
    assert told.value.problem["status"] == 401
    assert client.waits == []


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers each call with the next status (0: it hangs up), and keeps what was sent."""
    left, sent = list(statuses), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if status := left.pop(0):
                self.send_response(status)
                self.send_header("Retry-After", "41")
                self.end_headers()
                self.wfile.write(b'{"answer": "created"}')

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_client_sends_the_same_again_while_that_may_help(client: Any) -> None:
    with answering(503, 0, 429, 502, 200) as (address, sent):
        assert client.LeadFlow(address, "t").send(**ARRIVAL) == {"answer": "created"}
    assert sent == [{**ARRIVAL, "campaign": None}] * 5
    assert [wait for wait in client.waits if wait >= 41] == [client.waits[0], *client.waits[2:]]
    assert client.waits[1] <= 4


def test_the_client_gives_up_with_the_cause(client: Any) -> None:
    with answering(503, 0) as (address, sent), pytest.raises(OSError, match=r"(?i)closed|reset|disconnect"):
        client.LeadFlow(address, "t", tries=2).send(**ARRIVAL)
    assert len(sent) == 2
    assert len(client.waits) == 1
    # Nobody listens there any more.
    with pytest.raises(OSError, match=r"(?i)refused"):
        client.LeadFlow(address, "t", tries=3).send(**ARRIVAL)
    assert len(client.waits) == 3

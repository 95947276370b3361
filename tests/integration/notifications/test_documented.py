"""The page on notifications: its receiver works, and its words are those of the code."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from leadflow.notifications.attempts import PAUSES_S
from leadflow.notifications.kinds import KINDS
from local_kafka import free_ports
from tests.bureau import Bureau
from tests.processes import until

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "notifications.md").read_text("utf-8")


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_receiver_of_the_page_checks_signatures_and_takes_each_message_once(bureau: Bureau) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (port,) = free_ports(1)
    one = bureau.subscribe(f"http://127.0.0.1:{port}/")
    stranger = bureau.subscribe(f"http://127.0.0.1:{port}/")
    variables = {"LEADFLOW_SECRET": one.secrets[0]["secret"], "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        until(lambda: listens(port))
        facts = bureau.assigned(2)
        bureau.settle()
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in facts]
        with bureau.database.connection() as connection:
            connection.execute("UPDATE records.notifications SET state = 'pending' WHERE state = 'sent'")
        bureau.settle()
        facts += bureau.assigned(1, first=3)
        bureau.settle()
        lines.append(process.stdout.readline())
        assert [line.split(" ")[:2] for line in lines] == [
            [f"{fact}/{one.id}", "lead.assigned"] for fact in facts
        ]
        refused = [row for row in bureau.rows() if row.subscription == stranger.id]
        assert {row.problem for row in refused} == {"the receiver answered 401"}
        assert len(refused) == 3
    finally:
        process.kill()
        process.wait(120)
        assert process.stdout is not None
        process.stdout.close()


def test_the_page_tells_of_every_kind_and_of_the_pauses() -> None:
    for kind in KINDS:
        assert f"| `{kind}` |" in PAGE
    words = {5: "5 seconds", 60: "1 minute", 300: "5 minutes", 1_800: "30 minutes", 7_200: "2 hours"}
    words |= {21_600: "6 hours", 86_400: "24"}
    told = " ".join(PAGE.split())
    assert "after about " + ", ".join(words[pause] for pause in PAUSES_S[:-1]) + " and 24 hours" in told

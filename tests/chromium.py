"""A browser for tests: Chromium without a window, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from kafka_jars import install_on_debian

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S = 180
WAIT_S = 180
HOW = """\
Chromium is needed to test pages, and it is missing.
  Debian:          apt-get install -y chromium
  Fedora:          dnf install -y chromium
  macOS:           brew install --cask chromium"""


class Tab:
    """One page. Every tab has storage of its own."""

    def __init__(self, socket: ClientConnection, session: str, numbers: Iterator[int]) -> None:
        self._socket = socket
        self._session = session
        self._numbers = numbers
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method of the protocol. Raises AssertionError for its error."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, "sessionId": self._session}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=WAIT_S))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                found: dict[str, Any] = answer["result"]
                return found
            self.events.append(answer)

    def open(self, address: str) -> None:
        """Go to an address, until its page and its scripts are loaded."""
        self.run("window.leaving = true")
        self.call("Page.navigate", url=address)
        self.until("!window.leaving && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """The first value of an expression that is true. Raises AssertionError where there is none."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError):
                # What is found on a page comes as an empty object.
                if value := self.run(f"(found => found instanceof Node || found)({script})"):
                    return value
            time.sleep(0.03)
        raise AssertionError(f"never true: {script}\n{self.run('document.body.innerText')}")

    def fill(self, values: dict[str, str]) -> None:
        """Type into the fields of these selectors."""
        for selector, text in values.items():
            self.run(f"document.querySelector({json.dumps(selector)}).focus()")
            self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click on what a selector finds."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Be a window of this size, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def offline(self, off: bool) -> None:
        """Be without a network."""
        self.call("Network.enable")
        self.call(
            "Network.emulateNetworkConditions",
            offline=off,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def script(self, on: bool) -> None:
        """Run scripts, or not."""
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body.innerText"))

    def picture(self, path: Path) -> None:
        """Keep the whole page as a PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


class Browser:
    """Chromium, running."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=WAIT_S))
            if answer.get("id") == number:
                found: dict[str, Any] = answer["result"]
                return found

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A page that shares nothing with any other."""
        context = self._call("Target.createBrowserContext")["browserContextId"]
        target = self._call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        found = Tab(self._socket, session, self._numbers)
        found.call("Page.enable")
        found.call("Log.enable")
        try:
            yield found
        finally:
            self._call("Target.disposeBrowserContext", browserContextId=context)


@contextmanager
def browser(camera: Path) -> Iterator[Browser]:
    """Chromium, until the block ends, with a camera that sees this film (YUV4MPEG2).

    On Debian as root it is installed where it is missing.
    """
    program = _program()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [
            program,
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={home}",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Its sandbox cannot be had by root; it opens the tests' own pages only.
            command.append("--no-sandbox")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            address = _address(Path(home), process)
            # A busy machine answers late: whoever asks waits, and nobody hangs up for want of an answer.
            with connect(address, max_size=None, open_timeout=START_S, ping_interval=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def film(path: Path, rows: Iterable[Iterable[int]], scale: int) -> None:
    """A film of one picture: of black (1) and white (0) squares on white, 640 by 480 pixels."""
    width, height = 640, 480
    squares = [list(row) for row in rows]
    side = len(squares) * scale
    picture = bytearray(b"\xeb" * (width * height))
    left, top = (width - side) // 2, (height - side) // 2
    for y in range(side):
        line = b"".join(bytes([16 if dark else 235]) * scale for dark in squares[y // scale])
        begin = (top + y) * width + left
        picture[begin : begin + side] = line
    colours = b"\x80" * (width * height // 2)
    header = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + (b"FRAME\n" + bytes(picture) + colours) * 5)


def _program() -> str:
    found = _found()
    if found is None:
        install_on_debian("--no-install-recommends", "chromium")
        found = _found()
    assert found is not None, HOW
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _address(home: Path, process: subprocess.Popen[bytes]) -> str:
    """Where it listens, as soon as it does."""
    place = home / "DevToolsActivePort"
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, "Chromium ended at once"
        if place.exists() and (lines := place.read_text().splitlines()):
            answer = httpx.get(f"http://127.0.0.1:{lines[0]}/json/version", timeout=START_S)
            return str(answer.json()["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("Chromium did not start")

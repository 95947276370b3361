"""The page that scans cards without a network, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import segno

from tests.cable import Cable
from tests.chromium import Tab
from tests.processes import until
from tests.stage import CARD, Scene


@pytest.fixture
def cable(scene: Scene) -> Iterator[Cable]:
    """What the browser is connected by."""
    address = urlsplit(scene.own)
    assert address.hostname is not None
    assert address.port is not None
    with Cable((address.hostname, address.port)) as found:
        yield found


def registrations(tab: Tab) -> set[str]:
    """The ids of workers that the browser has told of."""
    return {
        one["registrationId"]
        for event in tab.events
        if event["method"] == "ServiceWorker.workerRegistrationUpdated"
        for one in event["params"]["registrations"]
    }


def test_cards_scanned_offline_are_sent_later_and_once(
    scene: Scene, tab: Tab, cable: Cable, tmp_path: Path
) -> None:
    photo = tmp_path / "card.png"
    segno.make_qr(CARD.replace("张;伟", "离;线"), encoding="utf-8").save(str(photo), scale=6, border=8)
    tab.open(scene.fair(rep="li").replace(scene.own, cable.address))
    tab.until("!document.querySelector('#start').hidden")
    # Its reader is loaded when it is first needed.
    tab.run(
        "new Promise(done => { const s = document.createElement('script');"
        " s.src = document.querySelector('#fair').dataset.jsqr; s.onload = done; document.head.append(s); })"
        ".then(() => true)"
    )
    # The browser takes the page's network away, not that of the worker, which sends as soon as it can.
    tab.offline(True)
    cable.cut()
    tab.choose("#photo", photo)
    tab.until("!document.querySelector('#card').hidden")
    assert "离线" in tab.run("document.querySelector('#card-hint').innerText")
    tab.click("#card .main")
    tab.until("document.querySelector('#state').innerText.includes('1 待发送')")
    assert scene.arrived("离线") == []
    cable.mend()
    tab.offline(False)
    tab.run("window.dispatchEvent(new Event('online')); document.querySelector('#retry').click(); true")
    tab.until("document.querySelector('#cards .sent') && !document.querySelector('#cards .waiting')")
    assert len(scene.arrived("离线")) == 1
    assert tab.run("leadflowCards('fair').list()") == []


def test_the_page_opens_without_a_network_and_sends_its_cards_once(
    scene: Scene, tab: Tab, cable: Cable, tmp_path: Path
) -> None:
    photo = tmp_path / "card.png"
    segno.make_qr(CARD.replace("张;伟", "断;网"), encoding="utf-8").save(str(photo), scale=6, border=8)
    tab.open(scene.fair(rep="li").replace(scene.own, cable.address))
    assert tab.run("navigator.serviceWorker.ready.then(found => found.active !== null)")
    cable.cut()
    page = f"{cable.address}/fair/fair?lang=zh"
    tab.open(page)
    # The booth's link is known, and so are the styles and the library that reads codes.
    tab.until("!document.querySelector('#start').hidden")
    assert tab.run("document.styleSheets[0].cssRules.length > 10")
    tab.choose("#photo", photo)
    tab.until("!document.querySelector('#card').hidden")
    assert "离线" in tab.run("document.querySelector('#card-hint').innerText")
    tab.click("#card .main")
    tab.until("document.querySelector('#state').innerText.includes('1 待发送')")
    tab.open(page)
    tab.until("document.querySelector('#state').innerText.includes('1 待发送')")
    (kept,) = tab.run("leadflowCards('fair').list()")
    assert scene.arrived("断网") == []
    # It arrives, and its answer is lost: it is sent again under the same id.
    cable.deaf = True
    cable.mend()
    tab.click("#retry")
    until(lambda: len(scene.arrived("断网")) == 1)
    tab.until("document.querySelector('#state').innerText.includes('1 待发送')")
    assert tab.run("leadflowCards('fair').list()") == [kept]
    cable.deaf = False
    tab.run("setInterval(() => document.querySelector('#retry').click(), 200)")
    tab.until("document.querySelector('#cards .sent') && !document.querySelector('#cards .waiting')")
    assert len(scene.arrived("断网")) == 1
    assert tab.run("leadflowCards('fair').list()") == []


def test_the_worker_sends_what_waits_after_the_page_was_closed(scene: Scene, tab: Tab, cable: Cable) -> None:
    tab.call("ServiceWorker.enable")
    tab.open(scene.fair(rep="li").replace(scene.own, cable.address))
    tab.run("navigator.serviceWorker.ready.then(() => true)")
    # It is told of at some time; what was told comes with the next answer.
    until(lambda: tab.run("true") and len(registrations(tab)) == 1)
    (registered,) = registrations(tab)
    cable.cut()
    tab.until("!document.querySelector('#start').hidden")
    tab.click("#manual")
    tab.fill({"[data-column=name]": "关掉", "[data-column=wechat]": "closed_page"})
    tab.click("#card .main")
    tab.until("document.querySelector('#state').innerText.includes('1 待发送')")
    tab.open("about:blank")
    cable.mend()
    where = {"origin": cable.address, "registrationId": registered}
    tab.call("ServiceWorker.dispatchSyncEvent", **where, tag="cards", lastChance=True)
    until(lambda: len(scene.arrived("关掉")) == 1)


def test_what_the_worker_keeps_is_nobodys_own_and_of_this_fair_only(
    scene: Scene, tab: Tab, cable: Cable
) -> None:
    scene.gate.add("trade_show", "fair-two")
    tab.open(scene.fair(rep="li").replace(scene.own, cable.address))
    tab.run("navigator.serviceWorker.ready.then(() => true)")
    kept = tab.run(
        "caches.open('leadflow.fair.fair').then(cache => cache.keys().then(keys => Promise.all("
        "keys.map(key => cache.match(key).then(found => found.text()).then("
        "text => [new URL(key.url).pathname, text])))))"
    )
    names = sorted(path for path, _ in kept)
    assert names == sorted(
        ["/fair/fair", "/fair/fair"]
        + [f"/forms/static/{name}" for name in ("fair-queue.js", "fair.js", "form.css", "jsQR.js")]
    )
    assert not [path for path, text in kept if "data-csrf" in text.partition("<main")[2].partition(">")[0]]
    cable.cut()
    tab.call("Page.navigate", url=f"{cable.address}/fair/fair-two")
    tab.until("!document.querySelector('#fair')")

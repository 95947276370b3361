"""The page of the API's document, in a browser as people have it."""

from __future__ import annotations

import pytest

from tests.chromium import Tab
from tests.stage import Scene


@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_read_without_scripts_on_any_screen(scene: Scene, tab: Tab, width: int) -> None:
    address = scene.gate.door.address
    tab.size(width, 800)
    tab.script(on=False)
    tab.open(f"{address}/docs#claimLead")
    tab.script(on=True)
    # The style is let in by the page's own policy, and a link to an operation opens it.
    assert tab.run("getComputedStyle(document.querySelector('summary')).display") == "flex"
    assert tab.run("document.getElementById('claimLead').closest('details').open")
    tab.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert tab.run("document.documentElement.scrollWidth") <= width
    loaded = tab.run("performance.getEntriesByType('resource').map(one => one.name)")
    assert [one for one in loaded if not one.endswith("/favicon.ico")] == []

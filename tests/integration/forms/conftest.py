"""One browser and one server for all tests of pages."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import segno

from leadflow import postgres
from leadflow.bootstrap.forms import snippet
from tests.chromium import Tab, browser, film
from tests.doors import open_door
from tests.gates import Gate, office_template
from tests.stage import CARD, Scene, site

__all__ = ["office_template"]


@pytest.fixture(scope="package")
def scene(pg_url: str, office_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All of it, once."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    pages: dict[str, str] = {}
    camera = tmp_path_factory.mktemp("camera") / "card.y4m"
    film(camera, segno.make_qr(CARD.replace("张;伟", "相;机"), encoding="utf-8").matrix, scale=6)
    with (
        open_door(url, tmp_path_factory.mktemp("home")) as door,
        site(pages) as address,
        browser(camera) as found,
    ):
        gate = Gate(door)
        gate.add("website", "site", origins=(address,), options={"min_seconds": "0"})
        gate.add("website", "page", options={"min_seconds": "0"})
        fair_options = {"min_seconds": "0", "consent": "off", "reps": "wang,li", "interests": "报价,演示"}
        gate.add("trade_show", "fair", campaign="进博会", options=fair_options)
        pages["/form"] = "<!doctype html><html lang=zh><title>form</title>" + snippet(door.address, "site")
        pages["/landing"] = pages["/form"].replace("form</title>", "landing</title>")
        gate.add("website", "trap", origins=(address,), options={"min_seconds": "0", "honeypot": "homepage"})
        trap = snippet(door.address, "trap", honeypot="homepage")
        pages["/trap"] = "<!doctype html><html lang=zh><title>trap</title>" + trap
        yield Scene(gate, found, address)
        gate.http.close()
    postgres.drop_database(pg_url, name)


@pytest.fixture
def tab(scene: Scene) -> Iterator[Tab]:
    """A page of its own."""
    with scene.browser.tab() as found:
        yield found

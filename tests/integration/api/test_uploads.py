"""Uploads over HTTP: looked at, tried, taken in, and refused."""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from leadflow.api.uploads import FORM_BYTES
from leadflow.incoming import uploads
from leadflow.incoming.upload_state import Status, Upload
from leadflow.incoming.upload_store import UploadStore
from tests.doors import WAIT_S, Client, Door, door, office_template, open_door
from tests.processes import until

__all__ = ["door", "office_template"]

UPLOADS = "/v1/uploads"
GOOD = "name,phone,company\n赵敏,138 0013 8001,蓝海物流\n李娜,139 0013 9009,远山\n"
PLAN = {"channel": "trade_show", "pool": "east", "campaign": "fair"}
WAIT = {"Prefer": f"wait={WAIT_S:g}"}


def sent(
    caller: Client, content: bytes | str, name: str = "leads.csv", status: int = 201, **plan: str
) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    return caller("POST", UPLOADS, status=status, files={"file": (name, raw)}, data=PLAN | plan).json()


def test_from_upload_to_leads(door: Door) -> None:
    ma = door.as_("manager/ma")
    bad = GOOD + "=cmd,12,\n"
    found = sent(ma, bad)
    assert (found["status"], found["mapping"]["columns"]["phone"]) == ("ready", "phone")
    assert found["mapping"]["file"] == found["name"] == "leads.csv"
    assert [row["readable"] for row in found["rows"]] == [True, True, False]
    path = f"{UPLOADS}/{found['upload']}"
    ma.get(f"{path}/problems.csv", status=404)
    checked = ma.post(f"{path}/check", headers=WAIT)
    assert checked["status"] == "checked"
    assert checked["counts"] == {"rows": 3, "created": 2, "merged": 0, "duplicate": 0, "unreadable": 1}
    assert ma.get("/v1/pools/east/leads")["total"] == 0
    done = ma.post(f"{path}/start", headers=WAIT)
    assert (done["status"], done["counts"]["created"], done["by_pool"]) == ("done", 2, {"east": 2})
    assert ma.get("/v1/pools/east/leads")["total"] == 2
    # Started twice, it is taken in once; what was taken in cannot be tried any more.
    assert ma.post(f"{path}/start")["counts"] == done["counts"]
    ma.post(f"{path}/check", status=409)
    answer = ma("GET", f"{path}/problems.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {(line["row"], line["unreadable"]) for line in lines} == {("4", "yes")}
    assert len(lines) == done["problems"]
    again = sent(ma, bad)
    done = ma.post(f"{UPLOADS}/{again['upload']}/start", headers=WAIT)
    assert done["counts"] == {"rows": 3, "created": 0, "merged": 0, "duplicate": 2, "unreadable": 1}
    ma("DELETE", path, status=204)
    ma.get(path, status=404)


def test_a_mapping_says_what_columns_are(door: Door) -> None:
    ma = door.as_("manager/ma")
    found = sent(ma, "who,handynummer\n赵敏,138 0013 8001\n")
    assert found["rows"] == []
    assert found["needs"]
    path = f"{UPLOADS}/{found['upload']}"
    assert ma.post(f"{path}/check", headers=WAIT)["status"] == "failed"
    plan = {"mapping": {"columns": {"who": "name", "handynummer": "phone"}}, "date": "2026-10-01"}
    assert ma.post(f"{path}/check", plan, headers=WAIT)["counts"]["created"] == 1
    assert ma.post(f"{path}/start", headers=WAIT)["counts"]["created"] == 1
    ma.post(f"{path}/check", {"mapping": {"columns": {"who": "nothing"}}}, status=422)
    ma.post(f"{path}/check", {"channel": "carrier_pigeon"}, status=422)


def bomb(size: int) -> bytes:
    """A workbook of a few kilobytes whose sheet unpacks to that many bytes."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(size // 1_000_000):
                sheet.write(b" " * 1_000_000)
    return kept.getvalue()


def test_an_encoding_may_be_named(door: Door) -> None:
    ma = door.as_("manager/ma")
    content = "name,phone\n翟赟翀,13800138000\n".encode("gbk")
    assert sent(ma, content)["mapping"]["encoding_guessed"] is True
    found = sent(ma, content, encoding="gbk")
    assert found["mapping"]["encoding"] == found["plan"]["mapping"]["encoding"] == "gbk"
    assert "encoding_guessed" not in found["mapping"]
    assert found["rows"][0]["raw"]["name"] == "翟赟翀"
    again = ma.post(f"{UPLOADS}/{found['upload']}/check", {"encoding": "utf-8"}, headers=WAIT)
    assert (again["status"], again["error"]) == ("failed", "the file is not encoded in utf-8")


def test_what_is_no_file_of_leads_is_refused(door: Door) -> None:
    ma = door.as_("manager/ma")
    for content, name in (
        (b"", "empty.csv"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "photo.xlsx"),
        (b"PK\x03\x04 broken", "broken.xlsx"),
        (bomb(600_000_000), "bomb.xlsx"),
    ):
        problem = sent(ma, content, name, status=422)
        assert str(door.app.home) not in str(problem)
    assert ma.get(UPLOADS)["items"] == []
    with door.app.database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM records.upload_pieces").fetchone() == (0,)


def test_what_is_no_form_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    ma = door.as_("manager/ma")
    ma.post(UPLOADS, {"file": "x"}, status=415)
    ma("POST", UPLOADS, status=422, data=PLAN, files={"other": ("x.csv", b"x")})
    ma("POST", UPLOADS, status=422, data={"pool": "east"}, files={"file": ("x.csv", GOOD.encode())})
    ma("POST", UPLOADS, status=400, content=b"x", headers={"Content-Type": "multipart/form-data"})
    sent(ma, GOOD, status=422, channel="carrier_pigeon")
    sent(ma, GOOD, status=404, pool="nowhere")
    monkeypatch.setattr(door.service.uploads, "bytes_max", 1000)
    sent(ma, b"x" * 1001, status=413)
    sent(ma, b"x" * (1001 + FORM_BYTES), status=413)


def test_a_name_is_no_path_and_no_line_of_a_log(door: Door) -> None:
    ma = door.as_("manager/ma")
    for name, shown in (("../../etc/passwd.csv", "passwd.csv"), ("C:\\x\\a.csv", "a.csv")):
        assert sent(ma, GOOD, name)["name"] == shown
    assert "\x1b" not in sent(ma, GOOD, "a\x1b[31mb.csv")["name"]


def test_an_upload_is_its_senders(door: Door) -> None:
    upload = sent(door.as_("manager/ma"), GOOD)["upload"]
    for actor in ("rep/wang", "manager/mo", "marketing/mei"):
        other = door.as_(actor)
        other.get(f"{UPLOADS}/{upload}", status=404)
        other.post(f"{UPLOADS}/{upload}/start", status=404)
        other.get(f"{UPLOADS}/{upload}/problems.csv", status=404)
        other("DELETE", f"{UPLOADS}/{upload}", status=404)
    for actor in ("support/su", "analyst/ann", "auditor/an", "manager/mo"):
        sent(door.as_(actor), GOOD, status=403)
    assert sent(door.as_("adapter/lists", "intake"), GOOD)["status"] == "ready"


def test_any_process_goes_on_with_it(door: Door, tmp_path: Path) -> None:
    """Behind one address there may be several: what one took, another tries, takes in and tells of."""
    one = door.as_("manager/ma")
    with open_door(door.app.database.url, tmp_path / "other") as second:
        other = second.as_("manager/ma")
        upload = sent(one, GOOD + "=cmd,12,\n")["upload"]
        path = f"{UPLOADS}/{upload}"
        assert other.get(path)["mapping"]["columns"]["phone"] == "phone"
        assert [found["upload"] for found in other.get(UPLOADS)["items"]] == [upload]
        assert other.post(f"{path}/check", headers=WAIT)["counts"]["created"] == 2
        assert "赵敏" not in other("GET", f"{path}/problems.csv").text
        done = one.post(f"{path}/start", headers=WAIT)
        assert other.get(path)["counts"] == done["counts"]
        assert other.post(f"{path}/start")["status"] == "done"
        other.post(f"{path}/check", status=409)
        assert other("GET", f"{path}/problems.csv").text == one("GET", f"{path}/problems.csv").text
        other("DELETE", path, status=204)
        one.get(path, status=404)


def test_of_two_processes_one_works_on_it(door: Door, tmp_path: Path) -> None:
    one = door.as_("manager/ma")
    with open_door(door.app.database.url, tmp_path / "other") as second:
        other, now = second.as_("manager/ma"), {"Prefer": "respond-async"}
        path = f"{UPLOADS}/{sent(one, b''.join(rows(20_000)))['upload']}"
        one.post(f"{path}/start", headers=now, status=202)
        assert other.post(f"{path}/start", headers=now, status=202)["status"] in ("waiting", "running")
        other.post(f"{path}/check", status=409)
        other("DELETE", path, status=409)
        done = one.post(f"{path}/start", headers=WAIT)
        assert (done["status"], done["counts"]["created"]) == ("done", 20_000)
        assert other.get(path)["counts"] == done["counts"]


def test_a_start_is_not_lost_behind_a_check_that_waits_for_its_turn(door: Door, tmp_path: Path) -> None:
    ma, now = door.as_("manager/ma"), {"Prefer": "respond-async"}
    path = f"{UPLOADS}/{sent(ma, GOOD)['upload']}"
    turn = threading.Event()
    door.service.uploads._jobs.submit(turn.wait)
    try:
        assert ma.post(f"{path}/check", headers=now, status=202)["status"] == "waiting"
        assert "worked on" in ma.post(f"{path}/start", headers=now, status=409)["detail"]
        with open_door(door.app.database.url, tmp_path / "other") as second:
            second.as_("manager/ma").post(f"{path}/start", headers=now, status=409)
    finally:
        turn.set()
    until(lambda: ma.get(path)["status"] == "checked")
    assert ma.post(f"{path}/start", headers=WAIT)["counts"]["created"] == 2


def test_a_start_that_waits_for_its_turn_is_taken_in_once(door: Door) -> None:
    ma, now = door.as_("manager/ma"), {"Prefer": "respond-async"}
    path = f"{UPLOADS}/{sent(ma, GOOD)['upload']}"
    turn = threading.Event()
    door.service.uploads._jobs.submit(turn.wait)
    try:
        for _ in range(2):
            assert ma.post(f"{path}/start", headers=now, status=202)["status"] == "waiting"
        ma.post(f"{path}/check", headers=now, status=409)
    finally:
        turn.set()
    assert ma.post(f"{path}/start", headers=WAIT)["counts"]["created"] == 2


def test_it_outlives_the_process(door: Door, tmp_path: Path) -> None:
    """Nobody holds what a process was working on that has ended."""
    ma = door.as_("manager/ma")
    path = f"{UPLOADS}/{sent(ma, GOOD)['upload']}"
    store = UploadStore(door.app.database)
    held(store, "running")
    assert ma.get(path)["status"] == "running"
    ma.post(f"{path}/check", status=409)
    store.close()
    found = ma.get(path)
    assert (found["status"], "again" in found["error"]) == ("interrupted", True)
    assert ma.post(f"{path}/start", headers=WAIT)["status"] == "done"


def held(store: UploadStore, status: Status) -> Upload:
    """The upload of manager/ma, which this store works on."""
    (upload,) = store.of("manager/ma")
    assert store.hold(upload.id)
    upload.status = status
    store.note(upload)
    return upload


def test_what_ends_while_it_is_looked_at_was_not_interrupted(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    ma = door.as_("manager/ma")
    path = f"{UPLOADS}/{sent(ma, GOOD)['upload']}"
    store = UploadStore(door.app.database)
    looked = UploadStore.held
    looks: tuple[Callable[[], Any], ...] = (lambda: ma.get(path), lambda: ma.get(UPLOADS)["items"][0])
    for look in looks:
        upload = held(store, "checking")

        def ends(self: UploadStore, name: str, upload: Upload = upload) -> bool:
            """It ends after its state was read, and before its lock is looked for."""
            if upload.status == "checking":
                upload.status = "checked"
                store.note(upload)
                store.let_go(name)
            return looked(self, name)

        with monkeypatch.context() as patched:
            patched.setattr(UploadStore, "held", ends)
            assert look()["status"] == "checked"
    store.close()


def test_who_ends_and_has_not_let_go_yet_is_waited_for(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, missed = door.as_("manager/ma"), threading.Event()
    hold, let_go = UploadStore.hold, UploadStore.let_go

    def tried(self: UploadStore, name: str) -> bool:
        got = hold(self, name)
        if not got:
            missed.set()
        return got

    def late(self: UploadStore, name: str) -> None:
        assert missed.wait(WAIT_S)
        let_go(self, name)

    monkeypatch.setattr(UploadStore, "hold", tried)
    monkeypatch.setattr(UploadStore, "let_go", late)
    with open_door(door.app.database.url, tmp_path / "other") as second:
        path = f"{UPLOADS}/{sent(one, GOOD)['upload']}"
        one.post(f"{path}/check", headers={"Prefer": "respond-async"}, status=202)
        until(lambda: one.get(path)["status"] == "checked")
        done = second.as_("manager/ma").post(f"{path}/start", headers=WAIT)
        assert (done["status"], done["counts"]["created"]) == ("done", 2)


def test_whoever_ends_has_let_go_at_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the server notices that the connection is gone."""
    sent(door.as_("manager/ma"), GOOD)
    store = UploadStore(door.app.database)
    upload = held(store, "running")
    assert store._holder is not None
    with monkeypatch.context() as patched:
        patched.setattr(store._holder, "close", lambda: None)
        store.close()
        assert store.get(upload.id).status == "interrupted"
    store.close()


def test_how_much_is_kept_and_for_how_long(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    ma = door.as_("manager/ma")
    monkeypatch.setattr(uploads, "KEPT_BYTES_MAX", 2 * len(GOOD.encode()))
    first = sent(ma, GOOD)["upload"]
    sent(ma, GOOD)
    assert "not taken in" in sent(ma, GOOD, status=409)["detail"]
    # Of what was taken in the file is kept no more.
    ma.post(f"{UPLOADS}/{first}/start", headers=WAIT)
    sent(ma, GOOD)
    assert len(ma.get(UPLOADS)["items"]) == 3
    monkeypatch.setattr(uploads, "KEEP", timedelta(0))
    assert sent(ma, GOOD)["upload"] == ma.get(UPLOADS)["items"][0]["upload"]
    assert ma.get(UPLOADS)["next"] is None


def rows(count: int) -> Iterator[bytes]:
    yield b"name,phone,company,note\n"
    for n in range(count):
        yield f"P{n},139{n:08},C{n % 1000},{'x' * 80}\n".encode()


def test_a_hundred_thousand_rows_stand_nowhere_in_memory(door: Door, tmp_path: Path) -> None:
    """The dry run reads, normalises and compares each of them."""
    file = tmp_path / "many.csv"
    with file.open("wb") as out:
        out.writelines(rows(100_000))
    ma, own = door.as_("manager/ma"), psutil.Process()
    sent(ma, GOOD)
    before = own.memory_info().rss
    with file.open("rb") as content:
        answer = ma("POST", UPLOADS, status=201, files={"file": ("many.csv", content)}, data=PLAN)
    uploaded = own.memory_info().rss - before
    path = f"{UPLOADS}/{answer.json()['upload']}"
    found, most = ma.post(f"{path}/check", headers={"Prefer": "respond-async"}, status=202), 0
    while found["status"] in ("waiting", "checking"):
        threading.Event().wait(0.2)
        most = max(most, own.memory_info().rss - before)
        found = ma.get(path)
    print(f"uploaded {uploaded >> 20} MiB, checked {most >> 20} MiB")
    assert found["counts"]["created"] == 100_000
    assert uploaded < 64 << 20
    assert most < 128 << 20

"""Adapters that know LeadFlow only by docs/how-to/publish-to-kafka.md: its examples, as they stand there.

And the one example of docs/how-to/write-an-adapter.md that writes to Kafka.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from leadflow.log.envelope import decode
from leadflow.log.kafka import Cluster, Origin
from leadflow.log.kafka.records import H_ORIGIN, H_REASON
from leadflow.log.partitioning import partition_of
from leadflow.settings import Settings
from tests.adapters import Adapter, Page, ensure
from tests.deciders import Office, causes, check, deciding
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.team import joining, opening

PAGE = Page("how-to/publish-to-kafka.md")
(DOCUMENT,) = PAGE.blocks("json")
SHELL = PAGE.blocks("sh")
PYTHON = PAGE.blocks("python")
ANOTHER = next(text for text in Page("how-to/write-an-adapter.md").blocks("sh") if "kcat" in text)
EXAMPLES = {f"intake/web_form:form-2026{number}" for number in (1, 2, 3, 4)}
NO_JSON = 'echo "no lead" | kcat -P -b "$LEADFLOW_KAFKA" -t leadflow.intake -k east -p 0'


@pytest.fixture(scope="module", autouse=True)
def _kcat() -> None:
    ensure("kcat")


@pytest.fixture
def office(kafka: Cluster) -> Iterator[Office]:
    """Topics of this test's own; `east` is in partition 0 of 3, and librdkafka's own choice is another."""
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=3)
    create_topics(kafka, settings)
    opened = Office(kafka, settings)
    yield opened
    opened.close()


@pytest.fixture
def adapter(office: Office, tmp_path: Path) -> Adapter:
    """Runs what the page shows, on the topics of this test."""
    prefix = office.settings.kafka_prefix
    names = {f"leadflow.{topic}": f"{prefix}.{topic}" for topic in ("intake", "dead-letters")}
    made = Adapter(tmp_path, {"LEADFLOW_KAFKA": office.cluster.servers}, names)
    made.file("lead.json", DOCUMENT)
    return made


def test_every_example_of_the_page_brings_its_lead(office: Office, adapter: Adapter) -> None:
    assert (len(SHELL), len(PYTHON)) == (3, 2)
    with deciding(office.settings, office.cluster.servers):
        office.send([opening(), *joining(["wang"])])
        for text in SHELL[:2]:
            adapter.shell(text)
        right = partition_of("east", office.partitions)
        for text in PYTHON:
            assert f"kept in partition {right} " in adapter.python(text)
        facts = office.wait_for(lambda facts: causes(facts) >= EXAMPLES)
        # Sent again, an arrival has its outcome already.
        adapter.shell(ANOTHER)
        facts = office.wait_for(lambda facts: "intake/web_form:shop-10019" in causes(facts))
        before = len(facts)
        adapter.shell(SHELL[0])
        adapter.python(PYTHON[1].replace("form-20264", "form-20265"))
        facts = office.wait_for(lambda facts: "intake/web_form:form-20265" in causes(facts))
    check(facts)
    assert len(facts) == before + 1
    assert office.dead_letters() == []
    first = next(
        event for event in (decode(one.document) for one in facts) if event.causation.endswith("form-20261")
    )
    data = orjson.loads(next(one.document for one in facts if first.id in one.document.decode()))["data"]
    assert (first.type, first.actor) == ("leadflow.lead.captured.v1", "adapter/website")
    assert data["person"]["phones"] == ["+8613800000009"]
    assert data["person"]["emails"] == ["wang@example.com"]
    assert data["person"]["written"] == {"phone": "138 0000-0009", "email": "Wang@Example.com"}
    # Every one of them was found where it was sent to: the page's partitioner is the right one.
    places = {one.origin.partition for one in facts if one.origin and one.origin.topic == office.names.intake}
    assert places == {right}


def test_another_partitioner_and_what_cannot_be_read(office: Office, adapter: Adapter) -> None:
    elsewhere = (partition_of("east", office.partitions) + 1) % office.partitions
    wrong_type = SHELL[1].replace("submit-intake", "claim-lead")
    bad_key = SHELL[1].replace("-k east", "-k nowhere")
    with deciding(office.settings, office.cluster.servers):
        office.send([opening(), *joining(["wang"])])
        office.wait_for(lambda facts: len(facts) == 3)
        adapter.shell(SHELL[0].replace("-X partitioner=murmur2_random", f"-p {elsewhere}"))
        adapter.shell(SHELL[1].replace("-X partitioner=murmur2_random", "-X partitioner=consistent"))
        adapter.shell(wrong_type)
        adapter.shell(bad_key)
        adapter.shell(NO_JSON)
        adapter.python(PYTHON[0])
        wanted = {f"intake/web_form:form-2026{number}" for number in (1, 2, 3)}
        facts = office.wait_for(lambda facts: causes(facts) >= wanted)
        # Each partition has its letters at times of its own.
        until(lambda: len(office.dead_letters()) >= 3)
        letters = office.dead_letters()
        told = adapter.shell(SHELL[2])
    check(facts)
    assert not {record.key for record in letters} - {b"east", b"nowhere"}
    reasons = sorted(dict(letter.headers)[H_REASON].decode() for letter in letters)
    assert len(reasons) == 3, reasons
    assert any("claim-lead" in reason for reason in reasons)
    assert any("no pool" in reason for reason in reasons)
    assert any("not JSON" in reason for reason in reasons)
    for letter in letters:
        assert Origin.from_bytes(dict(letter.headers)[H_ORIGIN]).topic == office.names.intake
        assert (letter.value or b"").decode().strip() in told
    for reason in reasons:
        assert reason in told


def test_an_adapter_may_compress_as_it_likes(office: Office, adapter: Adapter) -> None:
    codecs = ("lz4", "zstd", "snappy", "gzip")
    with deciding(office.settings, office.cluster.servers):
        office.send([opening()])
        for codec in codecs:
            # What becomes no smaller is sent as it is, so the name is long.
            example = PYTHON[1].replace("孙悦", "孙" * 200).replace("form-20264", f"in-{codec}")
            option = f'"compression.type": "{codec}",'
            example = example.replace('"enable.idempotence": True,', option)
            assert option in example
            adapter.python(example)
        wanted = {f"intake/web_form:in-{codec}" for codec in codecs}
        check(office.wait_for(lambda facts: wanted <= causes(facts)))
    assert office.dead_letters() == []

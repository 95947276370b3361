"""How long whoever fails has to wait, and who counts as the same source."""

from __future__ import annotations

import pytest

from leadflow.identities.throttle import (
    ADDRESS_WAIT_S_MAX,
    FREE_FAILURES,
    NAME_WAIT_S_MAX,
    address_key,
    name_key,
    wait_s,
)


def test_after_five_failures_the_wait_grows_to_its_end() -> None:
    waits = [wait_s(failures, ADDRESS_WAIT_S_MAX) for failures in range(20)]
    assert waits[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert waits[FREE_FAILURES : FREE_FAILURES + 4] == [5, 10, 20, 40]
    assert waits == sorted(waits)
    assert waits[-1] == wait_s(10**6, ADDRESS_WAIT_S_MAX) == ADDRESS_WAIT_S_MAX
    assert wait_s(50, NAME_WAIT_S_MAX) == NAME_WAIT_S_MAX


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("testclient", "not an address", True),
    ],
)
def test_who_counts_as_one_source(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


def test_a_name_is_not_kept_readable() -> None:
    assert "my password" not in name_key("my password")
    assert name_key("\ud800") == name_key("?")

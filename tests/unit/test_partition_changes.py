"""What a decider keeps of its partitions when the group divides them anew."""

from __future__ import annotations

from consumers.group import Changes


def test_nothing_has_changed_at_first() -> None:
    assert not Changes()


def test_a_partition_that_stays_is_kept_and_another_is_not() -> None:
    changes = Changes()
    changes.assigned([1, 2, 3], 0)
    assert changes
    assert changes.taken([0, 1, 2]) == {1, 2}
    assert not changes


def test_a_partition_that_was_away_in_between_is_not_kept() -> None:
    changes = Changes()
    changes.assigned([0, 1], 0)
    changes.assigned([0, 1, 2], 1)
    assert changes.taken([0, 1, 2]) == {0, 1}
    changes.assigned([0, 1, 2], 2)
    assert changes.taken([0, 1, 2]) == {0, 1, 2}


def test_who_was_given_up_by_the_group_keeps_nothing() -> None:
    changes = Changes()
    changes.lost()
    assert changes
    assert changes.taken([0, 1]) == set()
    changes.lost()
    changes.assigned([0, 1], 0)
    assert changes.taken([0, 1]) == set()
    changes.assigned([0, 1], 1)
    assert changes.taken([0, 1]) == {0, 1}


def test_a_division_that_a_member_did_not_hear_of_may_have_given_everything_away() -> None:
    changes = Changes()
    changes.assigned([0, 1], 0)
    assert changes.taken([0, 1]) == {0, 1}
    changes.assigned([0, 1], 2)
    assert changes.taken([0, 1]) == set()
    changes.assigned([0, 1], 3)
    assert changes.taken([0, 1]) == {0, 1}

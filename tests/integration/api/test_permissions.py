"""Who may see and do what over HTTP, cell by cell: what the documented table says is what happens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.domain.access import TABLE
from tests.integration.api.permission_rows import EAST, MEANS
from tests.integration.api.permission_scene import Scene, open_scene
from tests.office import office_template

__all__ = ["office_template"]

PAGE = Path(__file__).parents[3] / "docs/reference/permissions.md"
INSIDE = {
    "rep": "rep/wang",
    "manager": "manager/ma",
    "marketing": "marketing/mei",
    "support": "support/su",
    "analyst": "analyst/an",
    "auditor": "auditor/kim",
    "adapter": "adapter/web",
}
"""Who stands for a role; those of a pool's roles are members of the pool east."""
OUTSIDE = ("rep/zhao", "manager/mo", "marketing/wen", "support/sun")
"""The same of the pool west."""
IMPOSTORS = ("rep/ma", "manager/wang", "manager/nobody", "marketing/su", "support/mei")
"""Who acts in a role that it has in no pool."""


def the_table() -> dict[str, dict[str, str]]:
    """The table of the documentation: row, role, cell."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    roles = rows[0][1:]
    return {row[0]: dict(zip(roles, row[1:], strict=True)) for row in rows[2:]}


DOCUMENTED = the_table()
CELLS = [(row, role) for row, cells in DOCUMENTED.items() for role in cells]
ROWS = {
    "public pool, masked": ("see_public",),
    "private pool": ("see_private",),
    "contact points": ("see_contacts",),
    "claim, contact, return, convert": ("work", "contact"),
    "assign": ("assign",),
    "hand over, merge, policy, members": ("manage",),
    "reports": ("report",),
    "history and proofs": ("history",),
    "correct details, add collaborators": ("edit",),
    "record spend": ("spend",),
    "open pools": ("open_pool",),
    "send leads in": ("submit",),
    "subscribe to notifications": ("subscribe",),
}
"""The actions of the code's table that a row is about."""
OWN, POOL, ALL, SHARED = {"own"}, {"pool"}, {"all"}, {"collaborator"}
SCOPES: dict[str, set[str]] = {
    "–": set(),
    "own": OWN,
    "own leads": OWN,
    "own figures": OWN,
    "own pools": POOL,
    "own pools, for a rep": POOL,
    "own pools, for anybody": POOL,
    "own leads, and as collaborator": OWN | SHARED,
    "as collaborator": SHARED,
    "contact, as collaborator": SHARED,
    "all": ALL,
    "all, no contact points": ALL,
    "with a reason, as a fact": {"reason"},
    "writes only": set(),
}
"""What the words of a cell mean in the code's table."""


@pytest.fixture(scope="module")
def scene(pg_url: str, office_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_scene(url, tmp_path_factory.mktemp("home")) as found:
        yield found
    postgres.drop_database(pg_url, name)


# --- the documentation and the code say the same --------------------------------------------


@pytest.mark.parametrize(("row", "role"), CELLS)
def test_the_documented_cell_is_the_codes(row: str, role: str) -> None:
    expected = SCOPES[DOCUMENTED[row][role]]
    found = {scope for action in ROWS[row] for scope in TABLE[action].get(role, ())}  # type: ignore[index]
    if (row, role) == ("claim, contact, return, convert", "rep"):
        # Whoever works on a lead with its owner logs contacts: domain words, "Contact, as collaborator".
        expected = expected | SHARED
    assert found == expected


def test_every_action_of_the_code_is_documented() -> None:
    assert {action for actions in ROWS.values() for action in actions} == set(TABLE)
    assert list(DOCUMENTED) == list(ROWS)
    assert all(set(cells) == set(INSIDE) for cells in DOCUMENTED.values())


# --- what each cell lets happen -------------------------------------------------------------


@pytest.mark.parametrize(("row", "role"), [(row, role) for row, role in CELLS if row in MEANS])
def test_a_cell_lets_happen_what_it_says(scene: Scene, row: str, role: str) -> None:
    attempt, means = MEANS[row]
    cell = DOCUMENTED[row][role]
    assert attempt(scene, INSIDE[role]) == (set() if cell == "–" else means[cell])


@pytest.mark.parametrize("row", list(MEANS))
@pytest.mark.parametrize("actor", OUTSIDE)
def test_whoever_belongs_to_another_pool_has_nothing_here(scene: Scene, row: str, actor: str) -> None:
    found = MEANS[row][0](scene, actor)
    here = {one for one in found if one.split()[-1] in {*EAST, "east"}}
    assert here == set()


@pytest.mark.parametrize("row", [row for row in MEANS if row not in ("open pools", "record spend")])
@pytest.mark.parametrize("actor", IMPOSTORS)
def test_whoever_acts_in_a_role_that_it_has_nowhere_has_nothing(scene: Scene, row: str, actor: str) -> None:
    assert MEANS[row][0](scene, actor) == set()

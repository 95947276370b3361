"""What data may tell a terminal: signs to read, and nothing else.

Names, campaigns and the reasons of dead letters are what anybody has sent. A terminal takes some of their
signs for orders: to move, to change its title, to answer as if somebody had typed (ECMA-48, C0 and C1).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

KEPT = "\n\t"
CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in KEPT
}


def only_signs() -> None:
    """Have rich replace control signs in all text, as it leaves out a few of them by itself.

    The styles of LeadFlow's own are added to the text later, and stay.
    """
    from rich import control

    table = cast("dict[int, str | None]", control._CONTROL_STRIP_TRANSLATE)
    table.update({code: sign for code, sign in CONTROLS.items() if code not in table})


def discard_output() -> None:
    """Let what still stands in buffers go nowhere: Python writes it while it ends."""
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())

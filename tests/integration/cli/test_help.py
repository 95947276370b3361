"""What the command line says of itself."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from leadflow.cli import leadflow
from leadflow.cli.demo import _next_steps
from leadflow.cli.reference import render
from leadflow.settings import Settings


def test_what_the_help_says_line_by_line_stands_so_in_the_reference() -> None:
    page = render(leadflow)
    assert "```sh\nbash:  leadflow completion bash >> ~/.bashrc\nzsh:" in page
    assert "\b" not in page
    assert "\\b" not in page


def test_whoever_kept_a_demo_leaves_its_month_before_a_pool_of_their_own(tmp_path: Path) -> None:
    out = Console(width=100, record=True)
    _next_steps(out, Settings(home=tmp_path / "a demo"), [], kept=True)
    text = out.export_text()
    assert f"export LEADFLOW_HOME='{tmp_path / 'a demo'}'" in text
    assert text.index("unset LEADFLOW_HOME") < text.index("leadflow pool open")

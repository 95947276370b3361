"""AsyncAPI's official parser, which runs on Node: fetched once per machine, and asked by the tests.

`asyncapi/package.json` beside this module names its version; package-lock.json, those of all that it needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from kafka_jars import install_on_debian

SOURCES = Path(__file__).parent / "asyncapi"
NODE_MIN = 18
ASK_S = 600
FETCH_S = 600
HOW = f"""\
AsyncAPI's parser needs Node {NODE_MIN} or newer and npm, and they are missing.
  Debian, Ubuntu:  apt-get install -y nodejs npm
  Fedora:          dnf install -y nodejs npm
  macOS:           brew install node"""


def told_of(document: dict[str, Any]) -> list[dict[str, str]]:
    """What the parser says of a document: `severity` (error, warning, information, hint), `code`, `message`
    and `path` of each remark."""
    command = ["node", "validate.mjs"]
    text = json.dumps(document, ensure_ascii=False).encode()
    done = subprocess.run(command, cwd=_parser(), input=text, capture_output=True, timeout=ASK_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


@cache
def _parser() -> Path:
    """Where the parser is installed: outside of the checkout, by the digest of its sources."""
    _ensure_node()
    sources = sorted(SOURCES.iterdir())
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in sources)).hexdigest()[:12]
    cache_directory = platformdirs.user_cache_path("leadflow") / "asyncapi-parser"
    target = cache_directory / digest
    if target.is_dir():
        return target
    cache_directory.mkdir(parents=True, exist_ok=True)
    print("Fetching AsyncAPI's parser with npm (about 55 MB, once) …", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=cache_directory) as scratch:
        made = shutil.copytree(SOURCES, Path(scratch) / "parser")
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=5"]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=FETCH_S, check=False)
        assert done.returncode == 0, f"npm could not fetch AsyncAPI's parser:\n{done.stdout}{done.stderr}"
        # Whoever comes second finds the directory there; both are the same.
        with contextlib.suppress(OSError):
            made.rename(target)
    return target


def _ensure_node() -> None:
    """On Debian as root, Node and npm are installed where they are missing."""
    if not _has_node():
        install_on_debian("nodejs", "npm")
    assert _has_node(), HOW


def _has_node() -> bool:
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)", told.stdout)
    return found is not None and int(found[1]) >= NODE_MIN

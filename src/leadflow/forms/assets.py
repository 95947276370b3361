"""What pages load: scripts and styles, from the package itself and nowhere else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from leadflow.intake.channels.website import HONEYPOT

SCRIPT = "leadflow.js"
"""What other sites embed."""
WORKER = "fair-worker.js"
"""What stands behind the page that scans cards: the queue of cards and the worker, in one file."""
_JAVASCRIPT, _CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    SCRIPT: (_JAVASCRIPT, ("static/leadflow.js",)),
    "form.css": (_CSS, ("static/form.css",)),
    "form.js": (_JAVASCRIPT, ("static/form.js",)),
    "fair.js": (_JAVASCRIPT, ("static/fair.js",)),
    "fair-queue.js": (_JAVASCRIPT, ("static/fair-queue.js",)),
    WORKER: (_JAVASCRIPT, ("static/fair-queue.js", "static/fair-worker.js")),
    "jsQR.js": (_JAVASCRIPT, ("vendor/jsQR.js",)),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    name: str
    content: bytes
    media_type: str

    @property
    def version(self) -> str:
        """Names this content: a page that asks for it by this may keep it for ever."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    @property
    def integrity(self) -> str:
        """For `integrity=` of a page that embeds it (Subresource Integrity, W3C)."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.content).digest()).decode()

    @property
    def path(self) -> str:
        """Where it is served, by its content."""
        return f"/forms/static/{self.name}?v={self.version}"


@cache
def asset(name: str) -> Asset | None:
    """The file of this name, or None."""
    if name not in _FILES:
        return None
    media_type, paths = _FILES[name]
    content = b"".join(files(__package__).joinpath(path).read_bytes() for path in paths)
    return Asset(name, content, media_type)


def path_of(name: str) -> str:
    """Where a file is served. Raises KeyError for one that there is not."""
    found = asset(name)
    if found is None:
        raise KeyError(name)
    return found.path


def snippet(base: str, inlet: str, *, honeypot: str | None = None, integrity: bool = True) -> str:
    """The HTML to paste into a site whose form goes to this inlet; works without JavaScript, too.

    `honeypot` is the inlet's name for the field that people do not see, where it has another than usual.
    """
    script = asset(SCRIPT)
    assert script is not None
    pinned = f'\n  integrity="{script.integrity}" crossorigin="anonymous"' if integrity else ""
    trap = f' data-honeypot="{escape(honeypot)}"' if honeypot and honeypot != HONEYPOT else ""
    return f"""\
<form data-leadflow action="{base}/in/{inlet}" method="post">
  <label>姓名 Name <input name="name" autocomplete="name" required></label>
  <label>手机 Phone <input name="phone" type="tel" autocomplete="tel" required></label>
  <label>留言 Message <textarea name="note"></textarea></label>
  <button>提交 Send</button>
</form>
<script src="{base}/forms/{SCRIPT}" data-inlet="{inlet}"{trap} defer{pinned}></script>
"""

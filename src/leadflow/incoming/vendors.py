"""What LeadFlow asks vendors over HTTP: leads that were not pushed, fields of leads, and if a captcha holds.

Secrets stand in headers or bodies, never in an address. What a vendor says in an error is not repeated:
it may hold what was asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import orjson

from leadflow.errors import NotFound, Unavailable, UsageError
from leadflow.intake.channels import baidu, meta
from leadflow.intake.channels.base import Inlet
from leadflow.network import Refused

if TYPE_CHECKING:
    from leadflow.incoming.outgoing import Out

PAGE_SIZE = 1000
PAGES_MAX = 1000
ASKED = ("api_url", "graph_url", "captcha_url")
"""Options of inlets that are addresses which LeadFlow itself connects to."""


class Vendors:
    """The HTTP clients of vendors, on one pool of connections. Safe to use from several threads."""

    def __init__(self, *, private: bool = False) -> None:
        """`private` permits plain http and addresses inside the network."""
        self._private = private
        self._opened: Out | None = None
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _out(self) -> Out:
        # It takes a moment to import, and most commands ask no vendor.
        from leadflow.incoming.outgoing import Out

        with self._guard:
            if self._opened is None:
                self._opened = Out(private=self._private)
        return self._opened

    def __enter__(self) -> Vendors:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Meta ---------------------------------------------------------------------------------

    def fields(self, inlet: Inlet, lead: str) -> dict[str, Any]:
        """The fields of a lead that Meta pushed by its id.

        Raises Unavailable where asking again may help, NotFound where Meta has no such lead (any more),
        UsageError without an access token.
        """
        token = inlet.credentials.get("access_token")
        if token is None:
            do = f"Give one: `leadflow inlet credentials {inlet.id} FILE`."
            raise UsageError(f"inlet {inlet.id} has no access token for the Graph API", do=do)
        found = self._asked(
            "GET",
            f"{inlet.options.graph_url}/{lead}",
            "the Graph API",
            params={"fields": meta.FIELDS},
            headers={"authorization": f"Bearer {token}"},
        )
        if "field_data" not in found:
            raise NotFound("the Graph API gives no fields of this lead")
        return found

    # --- Baidu --------------------------------------------------------------------------------

    def notices(self, inlet: Inlet, first: date, last: date) -> Iterator[dict[str, Any]]:
        """Every lead that Baidu has of a period, both days included: documents as the push brings them.

        Asks in windows of at most 30 days, page by page, for each kind of component. Raises Unavailable,
        UsageError for credentials that are missing or refused.
        """
        for begin, end in baidu.windows(first, last):
            for kind in inlet.options.solution_types:
                yield from self._notices(inlet, begin, end, kind)

    def _notices(self, inlet: Inlet, begin: date, end: date, kind: str) -> Iterator[dict[str, Any]]:
        names = ("user_name", "access_token")
        missing = [name for name in names if name not in inlet.credentials]
        if missing:
            do = f"Give them: `leadflow inlet credentials {inlet.id} FILE`."
            raise UsageError(f"inlet {inlet.id} lacks {', '.join(missing)} for Baidu's marketing API", do=do)
        address = f"{inlet.options.api_url}/LeadsNoticeService/getNoticeList"
        for page in range(1, PAGES_MAX + 1):
            question = {
                "header": {
                    "userName": inlet.credentials["user_name"],
                    "accessToken": inlet.credentials["access_token"],
                },
                "body": {
                    "solutionType": kind,
                    "startDate": f"{begin} 00:00:00",
                    "endDate": f"{end} 23:59:59",
                    "pageNo": page,
                    "pageSize": PAGE_SIZE,
                },
            }
            found = self._asked("POST", address, "Baidu's marketing API", json=question)
            block = _block(found)
            rows = block.get("noticeDetailList") or []
            for row in rows:
                if isinstance(row, dict):
                    yield baidu.from_notice(row)
            if len(rows) < PAGE_SIZE or page * PAGE_SIZE >= int(block.get("totalNum") or 0):
                return

    # --- captchas -----------------------------------------------------------------------------

    def solved(self, inlet: Inlet, token: str, address: str) -> bool:
        """Whether a captcha was solved, by the vendor's `siteverify` (Turnstile, hCaptcha, reCAPTCHA).

        Raises Unavailable.
        """
        form = {
            "secret": inlet.credentials.get("captcha_secret", ""),
            "response": token,
            "remoteip": address,
        }
        found = self._asked("POST", str(inlet.options.captcha_url), "the captcha's service", data=form)
        return found.get("success") is True

    def _asked(self, method: str, address: str, whom: str, **more: Any) -> dict[str, Any]:
        import httpx

        from leadflow.incoming.outgoing import ALLOW, TooMuch

        try:
            status, content = self._out.ask(method, address, **more)
        except Refused as error:
            raise UsageError(f"{whom} may not be asked: {error}", do=ALLOW) from None
        except TooMuch:
            raise Unavailable(f"{whom} does not end its answer", do="Try again in a moment.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"{whom} cannot be reached: {type(error).__name__}"
            raise Unavailable(what, do="Try again in a moment.") from None
        if status in (401, 403):
            raise UsageError(f"{whom} refuses the credentials (status {status})")
        if status == 404:
            raise NotFound(f"{whom} does not know what was asked for")
        if not 200 <= status < 300:
            raise Unavailable(f"{whom} answers with status {status}", do="Try again in a moment.")
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise Unavailable(f"{whom} answers with what is no JSON object", do="Try again in a moment.")
        return found


def check_asked(options: Any) -> None:
    """Raise UsageError for options with an address that may not be asked without LEADFLOW_VENDOR_PRIVATE."""
    from leadflow.incoming.outgoing import ALLOW, why_not_asked

    for name in ASKED:
        address = getattr(options, name, None)
        if address is not None and (why := why_not_asked(address)) is not None:
            raise UsageError(f"{name} may not be asked: {why}", do=ALLOW)


def _block(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of an answer of Baidu's API. Raises UsageError for a refusal."""
    header = answer.get("header")
    status = header.get("status") if isinstance(header, dict) else None
    if status not in (0, "0"):
        raise UsageError(f"Baidu's marketing API refuses the question (status {status})")
    body = answer.get("body")
    data = body.get("data") if isinstance(body, dict) else None
    first = data[0] if isinstance(data, list) and data else {}
    return first if isinstance(first, dict) else {}

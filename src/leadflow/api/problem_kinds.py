"""Every kind of problem that the API answers with: what it means, and what helps.

One list for the answers, for the page of each at its `type`, and for the reference in the documentation.
"""

from __future__ import annotations

from typing import NamedTuple

ROOT = "/problems"
"""What the `type` of every problem begins with: RFC 9457, 3.1.1, wants it to lead to words for people."""


class ProblemKind(NamedTuple):
    """What is the same of every problem of a kind."""

    status: int
    title: str
    means: str
    do: str


KINDS: dict[str, ProblemKind] = {
    "unreadable": ProblemKind(
        400,
        "The request cannot be read",
        "The body is no JSON or says something twice, or the address or a header holds what none can hold.",
        "`detail` says what cannot be read, and where. Correct the program that sends it; the same again "
        "fails again.",
    ),
    "unauthenticated": ProblemKind(
        401,
        "Sign in, or give a token",
        "There is no token and no session, or the one that was given is unknown, was revoked, or has ended.",
        "Programs send `Authorization: Bearer lf_…`; `leadflow token create` makes a token. People sign in "
        "by `POST /v1/session`.",
    ),
    "not-authentic": ProblemKind(
        401,
        "The call does not prove who sent it",
        "What came to an inlet (`/in/…`), or from the page of a trade show, has no secret or signature, a "
        "wrong one, or one of another time. Which of them it is is never told. Nothing of the call is kept.",
        "Whoever runs the inlet finds in the server's log which of them it was, and compares address, secret "
        "and clock (at most 5 minutes apart) at the sender. `leadflow inlet show ID` says how the inlet is "
        "set up, `leadflow inlet rotate ID` makes a new secret where the old one is lost.",
    ),
    "not-permitted": ProblemKind(
        403,
        "This is not permitted",
        "The role or the token's scopes do not permit it; or an inlet does not take calls from this address "
        "or this site. A pool's own refusal is a fact, named in `fact`.",
        "Ask with another role (`Leadflow-Role`) or another token, or ask a manager. Of an inlet: add the "
        "address to its list (`--allow-ip`), or the site to those that may post (`--origin`).",
    ),
    "not-found": ProblemKind(
        404,
        "There is nothing here for you",
        "What is named does not exist, or may not be seen by who asks: both are answered alike. An inlet "
        "that is switched off is not found, either.",
        "Look at the address and the ids in it. `/docs` lists all addresses; lists, such as "
        "`GET /v1/pools`, show what can be seen.",
    ),
    "method-not-allowed": ProblemKind(
        405,
        "This cannot be done here",
        "The address is right, and does not answer this method.",
        "The header `Allow` of the answer lists the methods that it does answer.",
    ),
    "not-acceptable": ProblemKind(
        406,
        "It cannot be given in that form",
        "`Accept` asks for a media type that there is not.",
        "Ask for one of the media types that `detail` names, or leave `Accept` out.",
    ),
    "refused": ProblemKind(
        409,
        "A rule refused the request",
        "The pool decided against it, and kept that as a fact (`fact`). `reason` says why; `winner` and "
        "`position` name who was first, and by which fact.",
        "Look at the lead as it is now. Where `until` stands, the same can succeed after that time, with a "
        "new `Idempotency-Key`: the same key gets the same answer for ever.",
    ),
    "already-there": ProblemKind(
        409,
        "It exists already",
        "There is already an account, a token, an inlet or something else of that name.",
        "Take another name, or change what is there.",
    ),
    "stale": ProblemKind(
        412,
        "It has changed since you saw it",
        "The lead is not any more as `If-Match` says. Nothing was changed.",
        "Read the lead again, decide again, and send its new `ETag` as `If-Match` with a new "
        "`Idempotency-Key`.",
    ),
    "too-large": ProblemKind(
        413,
        "The body is too large",
        "The body has more bytes, or brings more at once, than is taken here; `detail` says more.",
        "Send less at once. Files of leads go to `POST /v1/uploads`. Whoever runs the server sets the limit "
        "by `LEADFLOW_HTTP_BODY_MAX`.",
    ),
    "unsupported-type": ProblemKind(
        415,
        "The body's type is not understood here",
        "The body's `Content-Type` is not taken here, or the body is packed (`Content-Encoding`).",
        "Send JSON as `application/json`, not packed, unless the operation's document says otherwise.",
    ),
    "invalid": ProblemKind(
        422,
        "What was sent is not right",
        "It can be read, but fields are missing, unknown or wrong: `errors` lists every one of them.",
        "Correct what `errors` names (`field`, and `part`: body, query, path or header) and send it again; "
        "of an arrival that is kept as a dead letter, `dead_letter` is its number.",
    ),
    "key-reused": ProblemKind(
        422,
        "The key was used for another request",
        "This `Idempotency-Key` came before with another content. Nothing was changed.",
        "Use a new key for each new request, and the same one only to send the very same again.",
    ),
    "too-often": ProblemKind(
        429,
        "That was too often",
        "More was asked for than is answered in that time.",
        "Wait as many seconds as the header `Retry-After` says, then send the same again.",
    ),
    "bug": ProblemKind(
        500,
        "LeadFlow met a bug",
        "The mistake is LeadFlow's. The server's log has the particulars; nothing of them is told here.",
        "Whoever runs the server looks into its log, at the time of the answer.",
    ),
    "unavailable": ProblemKind(
        503,
        "Something that is needed is away",
        "The log or the database cannot be reached. Whether the request was taken is not known.",
        "Send the same again, with the same `Idempotency-Key`, after as many seconds as `Retry-After` says. "
        "`GET /readyz` and `leadflow doctor` say what is away.",
    ),
}
"""By their names; a problem's `type` is `/problems/` and its name."""


def type_of(kind: str) -> str:
    """The `type` of a problem of this kind: the address that says what it means."""
    return f"{ROOT}/{kind}"

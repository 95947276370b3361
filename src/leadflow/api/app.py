"""The HTTP API: `create_app` puts its routes together.

Handlers are plain functions, which run in a pool of threads and may wait for the database. Only the paths
that many take at once, intake and claims, are `async`: they wait for their outcome in the event loop, where
nothing may block; what reads the database is then called in a thread.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from leadflow.api import (
    accounts,
    attribution,
    claims,
    closing,
    contracts,
    dead_letters,
    docs_page,
    failing,
    fairs,
    forms,
    health,
    index,
    inlet_setup,
    inlet_uses,
    inlets,
    intake,
    keeping,
    leads,
    members,
    notifications,
    policies,
    pools,
    problem_pages,
    reports,
    requests,
    routing,
    sessions,
    spend,
    streaming,
    subscriptions,
    tokens,
    traces,
    uploads,
    work,
)
from leadflow.api.changes import accepted
from leadflow.api.document import describe
from leadflow.api.frame import Frame
from leadflow.api.hot import Shortcut
from leadflow.bootstrap.serving import Service, Undecided

PREFIX = "/v1"
ROUTERS: tuple[APIRouter, ...] = (
    # The hot paths first: routes are tried in their order.
    intake.router,
    dead_letters.router,
    attribution.router,
    uploads.router,
    claims.router,
    sessions.router,
    pools.router,
    streaming.router,
    members.router,
    policies.router,
    routing.router,
    leads.router,
    traces.router,
    claims.looking,
    work.router,
    keeping.router,
    closing.router,
    requests.router,
    spend.router,
    reports.router,
    subscriptions.router,
    notifications.router,
    inlet_setup.router,
    inlet_uses.router,
    accounts.router,
    tokens.router,
)
"""Everything under `/v1`, in the order of the document."""


def create_app(service: Service) -> FastAPI:
    """The API of a service. Nothing is opened here; the service is closed by who opened it."""
    api = FastAPI(
        title="LeadFlow",
        # The document is given by `docs_page`, and so is a page of our own: these would load from elsewhere.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.service = service
    failing.install(api)
    api.add_exception_handler(Undecided, accepted)
    for router in ROUTERS:
        api.include_router(router, prefix=PREFIX)
    for router in (inlets.router, forms.router, fairs.router):
        api.include_router(router)
    for router in (contracts.router, problem_pages.router, health.router, docs_page.router, index.router):
        api.include_router(router)
    describe(api)
    api.add_middleware(Shortcut, api=api, prefix=PREFIX, routers=(intake.router, claims.router))
    api.add_middleware(Frame, body_max=service.app.settings.http_body_max)
    return api

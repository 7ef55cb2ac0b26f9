"""The operators' JSON API, one file for each noun ("HTTP, for operators")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.routing import BaseRoute, Mount

from bot.analytics import Analytics
from bot.api import docs, session, trying, turns, usage
from bot.api.access import Gate
from bot.api.analytics import routes as analyses
from bot.api.approvals import Approvals
from bot.api.arranging import Arranging
from bot.api.attachments import Attachments
from bot.api.audit import AuditLog
from bot.api.bulk import Bulk
from bot.api.canned import Canned
from bot.api.components import routes as every_component
from bot.api.contacts import Contacts
from bot.api.conversations import Conversations
from bot.api.copilot import CopilotCalls
from bot.api.deliveries import Deliveries
from bot.api.evaluation import EvaluationCalls
from bot.api.events import Events
from bot.api.knowledge import Knowledge
from bot.api.set_aside import SetAside
from bot.api.staff import Staff
from bot.api.views import Views
from bot.api.webhooks import Webhooks
from bot.approvals import ApprovalDesk
from bot.articles import Articles
from bot.attendance import Attendance
from bot.components import Components
from bot.copilot import Copilot
from bot.live import Live
from bot.masking import Masking
from bot.operators import OperatorDesk
from bot.orchestrator.agent import Agent
from bot.store import Store
from bot.store.budgets import Allowances
from knowledge.local import LocalIndex


def routes(
    *,
    store: Store,
    desk: OperatorDesk,
    approvals: ApprovalDesk,
    live: Live,
    attendance: Attendance,
    gate: Gate,
    files: Path,
    allowances: Allowances,
    analytics: Analytics,
    components: Components,
    agent: Agent,
    index: LocalIndex,
    articles: Articles,
    copilot: Copilot,
    masking: Masking,
) -> Sequence[BaseRoute]:
    """Everything under `/api` that is not a visitor's."""
    return [
        Mount(
            "/api",
            routes=[
                *session.routes(gate),
                *Bulk(store=store, desk=desk, gate=gate).routes(),
                *Conversations(store=store, desk=desk, attendance=attendance, gate=gate).routes(),
                *Attachments(store=store, gate=gate, files=files).routes(),
                *Views(store=store, gate=gate).routes(),
                *Arranging(store=store, desk=desk, gate=gate).routes(),
                *Contacts(store=store, live=live, gate=gate).routes(),
                *Knowledge(store=store, index=index, articles=articles, gate=gate).routes(),
                *EvaluationCalls(store=store, gate=gate, masking=masking).routes(),
                *CopilotCalls(store=store, copilot=copilot, gate=gate).routes(),
                *Canned(store=store, gate=gate).routes(),
                *Staff(store=store, desk=desk, gate=gate).routes(),
                *trying.routes(agent, gate),
                *turns.routes(store, gate),
                *Approvals(store=store, desk=approvals, gate=gate).routes(),
                *SetAside(store=store, gate=gate, files=files).routes(),
                *Deliveries(store=store, desk=desk, gate=gate).routes(),
                *Webhooks(store=store, gate=gate).routes(),
                *every_component(components, gate),
                *Events(store=store, approvals=approvals, live=live, gate=gate).routes(),
                *usage.routes(store, gate, allowances),
                *analyses(analytics, gate, store),
                *AuditLog(store=store, gate=gate, allowances=allowances).routes(),
                *docs.routes(),
            ],
        )
    ]

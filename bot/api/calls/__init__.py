"""What every HTTP call takes and answers, in words: the source of `/api/openapi.json`.

Kept by hand beside the routes, one file a noun; `tests/bot/api/test_docs.py` finds a call that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.approvals import APPROVALS
from bot.api.calls.call import Call
from bot.api.calls.contacts import CONTACTS
from bot.api.calls.conversations import CONVERSATIONS
from bot.api.calls.deliveries import DELIVERIES
from bot.api.calls.evaluation import EVALUATION
from bot.api.calls.house import HOUSE, PROGRAMS
from bot.api.calls.knowledge import KNOWLEDGE
from bot.api.calls.replies import REPLIES
from bot.api.calls.staff import STAFF
from bot.api.calls.usage import USAGE
from bot.api.calls.views import VIEWS
from bot.api.calls.visitors import VISITORS

__all__ = ("CALLS", "HOUSE", "OPERATORS", "Call")

OPERATORS: Sequence[Call] = (
    *CONVERSATIONS,
    *REPLIES,
    *VIEWS,
    *APPROVALS,
    *CONTACTS,
    *KNOWLEDGE,
    *EVALUATION,
    *DELIVERIES,
    *USAGE,
    *STAFF,
    *PROGRAMS,
)
CALLS: Sequence[Call] = (*VISITORS, *OPERATORS, *HOUSE)

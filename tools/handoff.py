"""A person from the team, called by whoever answers the customer."""

from __future__ import annotations

from typing import Literal

from tools.base import ToolContext
from tools.function import tool

Reason = Literal["customer_request", "missing_knowledge", "policy", "sentiment"]


@tool()
async def hand_off(context: ToolContext, reason: Reason, summary: str) -> str:  # noqa: ARG001
    """Bring in a person from the team, who goes on in this conversation: when the customer asks for one, is
    very upset, or needs what neither passages nor tools can give.

    reason: Why a person is needed.
    summary: For the colleague: what the customer wants and what has been found or tried. Facts only.
    """
    return "A person takes over from here."

"""The tools that are there without being set up."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from tools.base import Tool
from tools.facts import contact_facts
from tools.follow_up import Later, follow_up
from tools.handoff import hand_off
from tools.hours import OfficeHours, business_hours
from tools.identity import Codes, identity

NAMES = frozenset({"hand_off", "contact_facts", "follow_up", "business_hours", "send_code", "verify_code"})


def built_in(*, hours: OfficeHours | None, later: Later, codes: Codes | None) -> Sequence[Tool]:
    """Those that what is set up allows for."""
    zone = hours.zone if hours is not None else ZoneInfo("UTC")
    tools = [hand_off, contact_facts, follow_up(later, zone)]
    if hours is not None and hours.known:
        tools.append(business_hours(hours))
    if codes is not None:
        tools += identity(codes)
    return tools

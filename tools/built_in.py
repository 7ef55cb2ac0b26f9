"""The tools that are there without being set up."""

from __future__ import annotations

from collections.abc import Sequence

from tools.base import Tool
from tools.facts import contact_facts
from tools.handoff import hand_off
from tools.hours import OfficeHours, business_hours

NAMES = ("hand_off", "contact_facts", "business_hours")


def built_in(*, hours: OfficeHours | None) -> Sequence[Tool]:
    """Those that what is set up allows for."""
    tools = [hand_off, contact_facts]
    if hours is not None:
        tools.append(business_hours(hours))
    return tools

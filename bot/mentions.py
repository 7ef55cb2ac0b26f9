"""Who a note speaks to: "@Grace, can you look?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.store.records import Operator


def mentioned(text: str, operators: Sequence[Operator]) -> Sequence[Operator]:
    """The operators named after an @ in a text, by their whole name, in any case; of two names of which one
    begins with the other, the longer one counts. Viewers can't be asked for anything."""
    by_name: dict[str, list[Operator]] = {}
    for each in operators:
        if each.role != "viewer" and each.name.strip():
            by_name.setdefault(each.name.strip().casefold(), []).append(each)
    if not by_name:
        return []
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    found = re.findall(rf"(?<![\w@])@({names})(?!\w)", text.casefold())
    return [each for name in dict.fromkeys(found) for each in by_name[name]]

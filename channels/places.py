"""Places in a text that are filled before it leaves: {{1}}, {{name}}."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def places(text: str) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def put(text: str, values: Mapping[str, str]) -> str:
    """The text with a value in each of its places."""
    return _PLACE.sub(lambda found: values[found[1]], text)

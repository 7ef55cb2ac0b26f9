"""When a new Switchboard knows the sample shop's help centre, by words and by meaning."""

from __future__ import annotations

import json
import urllib.request

from tests.processes import until


def wait_until_learned(url: str) -> None:
    """Until then its answers are those of words alone, and differ from one moment to the next."""
    until(lambda: _knows_everything(url), 110, "the help centre learned")


def _knows_everything(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/readyz") as answer:
        knowledge = json.load(answer)["components"]["index"]["facts"]
    return bool(knowledge["chunks"] and knowledge["chunks"] == knowledge["embedded"])

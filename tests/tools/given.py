"""Whom tools are called for in tests."""

from __future__ import annotations

from typing import Any

from tools.base import Person, ToolContext

JO = Person(
    id="contact-1",
    name="Jo",
    verified=True,
    addresses={"email": ("jo@example.com",), "whatsapp": ("whatsapp:+4915112345678",)},
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def context(**more: Any) -> ToolContext:
    """A call for Jo, who is who they say they are."""
    return ToolContext(
        **{
            "person": JO,
            "conversation_id": "conversation-1",
            "turn_id": "turn-1",
            "channel": "web",
            "language": "en",
            "key": "key-1",
            "traceparent": TRACE,
            **more,
        }
    )

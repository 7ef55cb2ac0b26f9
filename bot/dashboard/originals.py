"""A message as it came: what its head says, and the whole of it in a frame that nothing gets out of."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import HTMLResponse, Response

from bot.store import Store
from channels.base import Channel, Original

_STYLE = (Path(__file__).parent / "templates" / "original.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE = """<!doctype html>
<html dir="auto"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>{style}</style></head>
<body>{body}</body></html>
"""
# What strangers wrote: no script, no form, nothing of ours within reach, nothing loaded from anywhere but,
# once asked for, pictures. Links open beside it.
_POLICY = (
    "default-src 'none'; style-src 'sha256-{style}'; img-src {pictures}; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


class Originals:
    """Reads again what a message was before it was trimmed, by the channel it came in by."""

    def __init__(self, *, store: Store, channels: Mapping[str, Channel], files: Path) -> None:
        self._store = store
        self._channels = channels
        self._files = files

    async def read(self, conversation_id: str, message_id: str, *, pictures: bool) -> Original | None:
        """The message as it came; None when there is no such message, or it can only be downloaded."""
        kept = await self._store.inbox.original(conversation_id, message_id)
        channel = self._channels.get(kept.channel) if kept else None
        if kept is None or channel is None:
            return None
        try:
            raw = (self._files / kept.key).read_bytes()
        except FileNotFoundError:
            return None
        return await channel.original(raw, pictures=pictures)


def framed(original: Original, *, pictures: bool) -> Response:
    """What it says, as a page for a frame."""
    policy = _POLICY.format(style=_STYLE_HASH, pictures="data: https:" if pictures else "data:")
    return HTMLResponse(
        _PAGE.format(style=_STYLE, body=original.html),
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
        },
    )

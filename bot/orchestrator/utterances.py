"""What was said, in the words a model reads it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.orchestrator.agent import Utterance

_LONGEST = 2_000  # characters of an utterance that a model sees
_LONGEST_QUOTE = 500
_KINDS = {"image": "picture", "audio": "voice message", "video": "video"}
_PARTICULAR = {"application/pdf": "PDF", "text/vcard": "contact card", "text/x-vcard": "contact card"}


def rendered(utterance: Utterance) -> str:
    """An utterance with what it answers before it and what came with it behind."""
    quote = " ".join(utterance.quotes.split())
    if len(quote) > _LONGEST_QUOTE:
        quote = f"{quote[:_LONGEST_QUOTE]}…"
    parts = [
        f"In reply to “{quote}”:" if quote else "",
        utterance.text[:_LONGEST].strip(),
        f"(sent {_counted(utterance.files)})" if utterance.files else "",
    ]
    return "\n".join(filter(None, parts))


def attributed(utterance: Utterance) -> str:
    """Who said it and what, in one line: no line within it can pretend that somebody else spoke."""
    return f"{utterance.speaker}: {' '.join(rendered(utterance).split())}"


def _counted(files: Sequence[str]) -> str:
    """Files by their kind, from their media types: "2 pictures and 1 voice message"."""
    kinds = Counter(_kind(media_type) for media_type in files)
    each = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items()]
    return " and ".join(filter(None, (", ".join(each[:-1]), each[-1])))


def _kind(media_type: str) -> str:
    bare = media_type.partition(";")[0].strip().lower()
    return _PARTICULAR.get(bare) or _KINDS.get(bare.partition("/")[0], "file")

"""What a knowledge source is: something that finds passages for a question, or says that it is down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of one document that may answer a question.

    `score` is the source's own confidence, from 0 to 1, that the passage answers the question asked;
    scores of one search are comparable, and so are those of two searches of the same source.
    `quote` is the passage's sentence or two that answer best, word for word out of `text`.
    """

    document: str  # the document's stable id within its source, e.g. "returns.md"
    title: str  # document title and heading path, e.g. "Returns › How to send something back"
    url: str  # where a customer can read it; "" when it is nowhere public
    text: str
    score: float
    quote: str


class LookupFailed(Exception):  # noqa: N818
    """The source could not be asked; this never means that nothing matched."""


class KnowledgeSource(Protocol):
    """Found by its name in the settings; one file each."""

    async def search(
        self, query: str, *, limit: int, history: Sequence[str] = (), scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        """Passages for `query`, best first, at most `limit`; empty when nothing matches.

        `history` is what was said before, oldest first, so that a follow-up ("and how long does it
        take?") can be understood. `scope` names the folders, documents and addresses to stay `within`;
        everything without it. Raises LookupFailed when the source is down.
        """
        ...


def within(scope: Sequence[str], document: str, url: str) -> bool:
    """Whether a document is one of the scope's, in one of its folders, or below one of its addresses."""
    return not scope or any(
        place == part or place.startswith(f"{part}/")
        for part in (each.rstrip("/") for each in scope)
        for place in (document, url)
    )

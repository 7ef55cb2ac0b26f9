"""Knowledge: what the bot has learned, what it would answer from, what is missing, and articles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal, text_in, whole_number
from bot.articles import Articles
from bot.gaps import GapGroup, grouped
from bot.store import Store
from bot.store.records import Article
from knowledge.base import LookupFailed, Passage
from knowledge.local import Document, LocalIndex

TITLE_LIMIT = 200  # characters
TEXT_LIMIT = 100_000
QUESTION_LIMIT = 2_000
_MOST_GAPS = 500  # closed at once


class Knowledge:
    """`/api/knowledge`."""

    def __init__(self, *, store: Store, index: LocalIndex, articles: Articles, gate: Gate) -> None:
        self._store = store
        self._index = index
        self._articles = articles
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/knowledge", self._all),
            Route("/knowledge/documents", self._documents),
            Route("/knowledge/documents/{name:path}", self._document),
            Route("/knowledge/ask", self._ask, methods=["POST"]),
            Route("/knowledge/gaps", self._gaps),
            Route("/knowledge/gaps/close", self._close, methods=["POST"]),
            Route("/knowledge/articles", self._write, methods=["POST"]),
            Route("/knowledge/articles/{id}", self._one, methods=["GET"]),
            Route("/knowledge/articles/{id}", self._write, methods=["POST"]),
            Route("/knowledge/articles/{id}", self._remove, methods=["DELETE"]),
        ]

    async def _all(self, request: Request) -> Response:
        await self._gate.admit(request)
        query(request, ())
        try:
            counts = await self._index.statistics()
        except LookupFailed as error:
            raise refusal(503, "down", "the knowledge cannot be asked: %(why)s", why=error) from None
        return answer(
            {
                "documents": counts.documents,
                "chunks": counts.chunks,
                "sources": [
                    {
                        "id": each.id,
                        "address": each.address,
                        "kind": each.kind,
                        "documents": each.documents,
                        "failed": each.failed,
                        "learned_at": each.learned_at.isoformat(),
                    }
                    for each in await self._store.knowledge.sources()
                ],
                "articles": [article_json(each) for each in await self._store.knowledge.articles()],
            }
        )

    async def _documents(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = query(request, ("q", "after", "limit"))
        limit = whole_number(given, "limit", default=100, least=1, most=500)
        if len(given.get("q", "")) > TITLE_LIMIT:
            raise refusal(422, "too_long", "at most %(most)s characters", most=TITLE_LIMIT, field="q")
        try:
            found = await self._index.documents(
                wanted=given.get("q", ""), after=given.get("after", ""), limit=limit + 1
            )
        except LookupFailed as error:
            raise refusal(503, "down", "the knowledge cannot be asked: %(why)s", why=error) from None
        more = found[limit - 1].name if len(found) > limit else None
        return answer({"documents": [document_json(each) for each in found[:limit]], "next": more})

    async def _document(self, request: Request) -> Response:
        await self._gate.admit(request)
        name = str(request.path_params["name"])
        try:
            chunks = await self._index.chunks(name)
        except LookupFailed as error:
            raise refusal(503, "down", "the knowledge cannot be asked: %(why)s", why=error) from None
        if not chunks:
            raise not_found("document")
        return answer(
            {
                "name": name,
                "chunks": [{"headings": list(headings), "text": text} for headings, text in chunks],
            }
        )

    async def _ask(self, request: Request) -> Response:
        await self._gate.admit(request)
        question = text_in(await object_of(request), "question", limit=QUESTION_LIMIT)
        try:
            passages = await self._index.search(question, limit=6)
        except LookupFailed as error:
            raise refusal(503, "down", "the knowledge cannot be asked: %(why)s", why=error) from None
        return answer({"passages": [passage_json(each) for each in passages]})

    async def _gaps(self, request: Request) -> Response:
        await self._gate.admit(request)
        query(request, ())
        groups = await grouped(await self._store.knowledge.gaps(), self._index)
        return answer({"gaps": [group_json(each) for each in groups]})

    async def _close(self, request: Request) -> Response:
        await self._gate.admit(request)
        ids = (await object_of(request)).get("ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise refusal(422, "invalid", "a list of ids", field="ids")
        if len(ids) > _MOST_GAPS:
            raise refusal(422, "too_many", "at most %(most)s at once", most=_MOST_GAPS, field="ids")
        await self._store.knowledge.close_gaps([each.replace("\x00", "") for each in ids])
        return Response(status_code=204)

    async def _one(self, request: Request) -> Response:
        await self._gate.admit(request)
        article = await self._store.knowledge.article(path_id(request, "article"))
        if article is None:
            raise not_found("article")
        return answer({"article": article_json(article)})

    async def _write(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        article_id = path_id(request, "article") if "id" in request.path_params else None
        if article_id is not None and await self._store.knowledge.article(article_id) is None:
            raise not_found("article")
        body = await object_of(request)
        title = " ".join(text_in(body, "title", limit=TITLE_LIMIT).split())
        text = text_in(body, "text", limit=TEXT_LIMIT)
        article = await self._articles.write(article_id, title=title, text=text, by=who.operator.id)
        return answer({"article": article_json(article)}, status=200 if article_id else 201)

    async def _remove(self, request: Request) -> Response:
        await self._gate.admit(request)
        if not await self._articles.remove(path_id(request, "article")):
            raise not_found("article")
        return Response(status_code=204)


def article_json(article: Article) -> dict[str, Any]:
    """What an operator wrote."""
    return {
        "id": article.id,
        "title": article.title,
        "text": article.text,
        "updated_at": article.updated_at.isoformat(),
    }


def document_json(document: Document) -> dict[str, Any]:
    """A learned document."""
    return {
        "name": document.name,
        "title": document.title,
        "url": document.url,
        "chunks": document.chunks,
        "understood": document.understood,
    }


def passage_json(passage: Passage) -> dict[str, Any]:
    """A passage that a question finds."""
    return {
        "document": passage.document,
        "title": passage.title,
        "url": passage.url,
        "text": passage.text,
        "quote": passage.quote,
        "score": round(passage.score, 3),
    }


def group_json(group: GapGroup) -> dict[str, Any]:
    """Questions that ask the same."""
    return {
        "question": group.question,
        "count": len(group.gaps),
        "answer": group.answer,
        "gaps": [
            {
                "id": each.id,
                "question": each.question,
                "conversation_id": each.conversation_id,
                "created_at": each.created_at.isoformat(),
            }
            for each in group.gaps
        ],
    }

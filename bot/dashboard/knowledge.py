"""Knowledge: what the bot knows, what it would answer from, what is missing, and articles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.bodies import place, place_in
from bot.api.knowledge import QUESTION_LIMIT, TEXT_LIMIT, TITLE_LIMIT
from bot.dashboard.pages import Pages, path_part
from bot.demo import SAMPLE
from bot.gaps import grouped
from bot.store import Store
from bot.store.evaluation import Mark
from knowledge.base import LookupFailed
from knowledge.local import LocalIndex

_PAGE = 100  # documents in a list
_MARKED = 30  # marked answers in a list
_GROUPS = 20  # of gaps shown
_SURE = 0.5  # the score from which a passage is an answer by itself


class Knowledge:
    """`/dashboard/knowledge`."""

    def __init__(self, pages: Pages, *, store: Store, index: LocalIndex) -> None:
        self._pages = pages
        self._store = store
        self._index = index

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/knowledge", self._overview),
            Route("/knowledge/write", self._new),
            Route("/knowledge/evaluation", self._evaluation),
            Route("/knowledge/articles/{id}", self._article),
            Route("/knowledge/documents", self._documents),
            Route("/knowledge/documents/{name:path}", self._document),
        ]

    async def _overview(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        question = _given(request, "ask", QUESTION_LIMIT)
        try:
            counts = await self._index.statistics()
            passages = await self._index.search(question, limit=6) if question else ()
            down = ""
        except LookupFailed as error:
            counts, passages, down = None, (), str(error)
        groups = await grouped(await self._store.knowledge.gaps(), self._index)
        return self._pages.show(
            request,
            "knowledge.html",
            who=who,
            question=question,
            passages=passages,
            down=down,
            known=counts,
            sure=_SURE,
            groups=groups[:_GROUPS],
            more_groups=max(0, len(groups) - _GROUPS),
            articles=await self._store.knowledge.articles(),
            sources=await self._store.knowledge.sources(),
            sample=str(SAMPLE),
            marked=await self._store.evaluation.counts(),
        )

    async def _evaluation(self, request: Request) -> Response:
        """The marked answers, by page."""
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        wanted = request.query_params.get("mark", "")
        try:
            before = place_in(request.query_params, "before")
        except HTTPException:
            before = None
        found, more = await self._store.evaluation.page(
            mark=cast("Mark", wanted) if wanted in {"good", "bad"} else None, before=before, limit=_MARKED
        )
        return self._pages.show(
            request,
            "evaluation.html",
            who=who,
            evaluations=found,
            more=place(more),
            wanted=wanted,
            counts_of=await self._store.evaluation.counts(),
        )

    async def _new(self, request: Request) -> Response:
        """The editor, filled in with what is missing."""
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        if not who.may_write:
            return self._pages.show(request, "missing.html", who=who, status=403, allowed=False)
        gaps = await self._store.knowledge.gaps()
        gap = request.query_params.get("gap", "")
        groups = await grouped(gaps, self._index) if gap else ()
        group = next((each for each in groups if gap in {one.id for one in each.gaps}), None)
        return self._pages.show(
            request,
            "article.html",
            who=who,
            article=None,
            title=group.question if group else _given(request, "title", TITLE_LIMIT),
            text=group.answer if group else "",
            gaps=group.gaps if group else (),
            limits=(TITLE_LIMIT, TEXT_LIMIT),
        )

    async def _article(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        article = await self._store.knowledge.article(path_part(request, "id"))
        if article is None:
            return self._pages.missing(request, who)
        return self._pages.show(
            request,
            "article.html",
            who=who,
            article=article,
            title=article.title,
            text=article.text,
            gaps=(),
            limits=(TITLE_LIMIT, TEXT_LIMIT),
        )

    async def _documents(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        q = _given(request, "q", 200)
        try:
            found = await self._index.documents(
                wanted=q, after=request.query_params.get("after", ""), limit=_PAGE + 1
            )
        except LookupFailed:
            found = []
        return self._pages.show(
            request,
            "documents.html",
            who=who,
            q=q,
            documents=found[:_PAGE],
            more=found[_PAGE - 1].name if len(found) > _PAGE else "",
        )

    async def _document(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        name = str(request.path_params["name"])
        try:
            chunks = await self._index.chunks(name)
        except LookupFailed:
            chunks = []
        if not chunks:
            return self._pages.missing(request, who)
        return self._pages.show(request, "document.html", who=who, name=name, chunks=chunks)


def _given(request: Request, name: str, limit: int) -> str:
    return request.query_params.get(name, "").replace("\x00", "")[:limit].strip()

"""Where knowledge was learned from, and what it could not answer. The passages lie in their own index."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import audit
from bot.store.database import Database, Row, Transaction, moment, new_id
from bot.store.records import Article, Gap, LearnedSource

_REMEMBER = """
    INSERT INTO knowledge_sources (id, address, kind, documents, failed, learned_at)
    VALUES (:id, :address, :kind, :documents, :failed, {now})
    ON CONFLICT (address) DO UPDATE SET kind = excluded.kind, documents = excluded.documents,
        failed = excluded.failed, learned_at = excluded.learned_at
"""
_FORGET = "DELETE FROM knowledge_sources WHERE address = :address"
_SOURCES = "SELECT id, address, kind, documents, failed, learned_at FROM knowledge_sources ORDER BY address"
GAP = """
    INSERT INTO knowledge_gaps (id, question, conversation_id, turn_id, created_at)
    VALUES (:id, :question, :conversation_id, :turn_id, {now})
"""
# What a person answered there, as far as it is more than a word.
_GAPS = """
    SELECT g.id, g.question, g.conversation_id, g.turn_id, g.created_at, (
        SELECT m.text FROM messages m WHERE m.conversation_id = g.conversation_id
            AND m.created_at > g.created_at AND m.author_kind = 'operator' AND NOT m.private
            AND LENGTH(m.text) > 40 ORDER BY m.seq LIMIT 1) AS answer
    FROM knowledge_gaps g WHERE g.closed_at IS NULL ORDER BY g.created_at DESC LIMIT :limit
"""
# By their ids, not through the index of all that are open.
_CLOSE = """
    UPDATE knowledge_gaps SET closed_at = {now} WHERE id {in ids} AND COALESCE(closed_at, 0) = 0
    RETURNING id
"""
_ARTICLES = "SELECT id, title, text, updated_at FROM articles ORDER BY updated_at DESC, id DESC LIMIT :limit"
_ARTICLE = "SELECT id, title, text, updated_at FROM articles WHERE id = :id"
_WRITE = """
    INSERT INTO articles (id, title, text, updated_by, created_at, updated_at)
    VALUES (:id, :title, :text, :updated_by, {now}, {now})
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, text = excluded.text,
        updated_by = excluded.updated_by, updated_at = excluded.updated_at
    RETURNING id, title, text, updated_at
"""
_REMOVE = "DELETE FROM articles WHERE id = :id RETURNING title"
_VERSION = "SELECT COUNT(*) AS count, COALESCE(MAX(updated_at), 0) AS latest FROM articles"
MOST_ARTICLES = 5_000


class KnowledgeBook:
    """What was learned and what is missing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember(self, address: str, *, kind: str = "", documents: int, failed: int) -> None:
        """A source was learned, again or for the first time."""
        await self._database.change(
            _REMEMBER, id=new_id("src"), address=address, kind=kind, documents=documents, failed=failed
        )

    async def forget(self, address: str) -> None:
        """A source is no longer what is answered from."""
        await self._database.change(_FORGET, address=address)

    async def sources(self) -> Sequence[LearnedSource]:
        """Everything that was learned, by address."""
        async with self._database.read() as reader:
            rows = await reader.all(_SOURCES)
        return [
            LearnedSource(
                id=row["id"],
                address=row["address"],
                kind=row["kind"],
                documents=row["documents"],
                failed=row["failed"],
                learned_at=moment(row["learned_at"]),
            )
            for row in rows
        ]

    async def gaps(self, limit: int = 200) -> Sequence[Gap]:
        """Those nobody has seen to, the newest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_GAPS, limit=limit)
        return [
            Gap(
                id=row["id"],
                question=row["question"],
                conversation_id=row["conversation_id"],
                turn_id=row["turn_id"],
                created_at=moment(row["created_at"]),
                answer=row["answer"] or "",
            )
            for row in rows
        ]

    async def close_gaps(self, ids: Sequence[str]) -> None:
        """Somebody has seen to these."""

        async def close(tx: Transaction) -> None:
            for row in await tx.all(_CLOSE, ids=list(ids)):
                audit.note(tx, "gap.close", row["id"])

        await self._database.write(close)

    async def articles(self) -> Sequence[Article]:
        """What operators wrote, the latest first."""
        async with self._database.read() as reader:
            return [_article(row) for row in await reader.all(_ARTICLES, limit=MOST_ARTICLES)]

    async def article(self, article_id: str) -> Article | None:
        """One of them."""
        async with self._database.read() as reader:
            row = await reader.one(_ARTICLE, id=article_id)
        return _article(row) if row else None

    async def write(self, article_id: str | None, *, title: str, text: str, by: str) -> Article:
        """A new article, or another text for one that there is."""

        async def write(tx: Transaction) -> Article:
            row = await tx.one(_WRITE, id=article_id or new_id("art"), title=title, text=text, updated_by=by)
            assert row is not None
            audit.note(tx, "article.write", row["id"], {"title": title})
            return _article(row)

        return await self._database.write(write)

    async def remove(self, article_id: str) -> bool:
        """The bot is not to know it any more. False when there is none such."""

        async def remove(tx: Transaction) -> bool:
            row = await tx.one(_REMOVE, id=article_id)
            if row is not None:
                audit.note(tx, "article.remove", article_id, {"title": row["title"]})
            return row is not None

        return await self._database.write(remove)

    async def version(self) -> tuple[int, int]:
        """Something that changes whenever an article does."""
        async with self._database.read() as reader:
            row = await reader.one(_VERSION)
        return (row["count"], row["latest"]) if row else (0, 0)


def _article(row: Row) -> Article:
    return Article(id=row["id"], title=row["title"], text=row["text"], updated_at=moment(row["updated_at"]))

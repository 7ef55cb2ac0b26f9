"""What operators write for the bot to know: rows in the store, learned into each machine's own index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from bot.store import Store, StoreUnavailable
from bot.store.records import Article
from knowledge.base import LookupFailed
from knowledge.learn import embed_pending, learn
from knowledge.local import LocalIndex

log = logging.getLogger("switchboard.articles")

_LOOK = 20.0  # seconds after which what was written on another machine is looked for


class Articles:
    """Writes articles and sees that the index has them. Files of them lie in `folder`."""

    def __init__(self, *, store: Store, index: LocalIndex, folder: Path) -> None:
        self._store = store
        self._index = index
        self._folder = folder
        self._learning = asyncio.Lock()
        self._version: tuple[int, int] | None = None

    async def write(self, article_id: str | None, *, title: str, text: str, by: str) -> Article:
        """Keep an article; the bot knows it by its words when this returns, by its meaning soon after."""
        article = await self._store.knowledge.write(article_id, title=title, text=text, by=by)
        await self.learn()
        return article

    async def remove(self, article_id: str) -> bool:
        """The bot does not know it any more. False when there is none such."""
        removed = await self._store.knowledge.remove(article_id)
        if removed:
            await self.learn()
        return removed

    async def learn(self) -> None:
        """Bring this machine's index to what the store has."""
        async with self._learning:
            version = await self._store.knowledge.version()
            if version == self._version or (version[0] == 0 and not self._folder.exists()):
                return
            articles = await self._store.knowledge.articles()
            await asyncio.to_thread(self._lay_out, articles)
            learned = await learn(self._index, [self._folder])
            for name, why in learned.failed.items():
                log.error("an article could not be learned: %s", why, extra={"article": name})
            self._version = version

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        while True:
            known = self._version
            try:
                await self.learn()
                if self._version != known:
                    await embed_pending(self._index)
            except (StoreUnavailable, LookupFailed) as error:
                log.warning("articles wait to be learned: %s", error)
            await asyncio.sleep(_LOOK)

    def _lay_out(self, articles: Sequence[Article]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        standing = {f"{each.id}.md" for each in articles}
        for path in self._folder.iterdir():
            if path.name not in standing:
                path.unlink(missing_ok=True)
        for each in articles:
            title = " ".join(each.title.split())
            text = f"# {title}\n\n{each.text}\n"
            path = self._folder / f"{each.id}.md"
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                fresh = path.with_suffix(".new")
                fresh.write_text(text, encoding="utf-8")
                fresh.replace(path)

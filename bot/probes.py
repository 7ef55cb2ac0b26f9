"""What is looked at because no call tells of it: the stores, the turns' queue, mailboxes, the index."""

from __future__ import annotations

from collections.abc import Sequence

from bot.bell import RedisLink
from bot.components import Components, Look, Probe
from bot.orchestrator.registry import Component, Registry
from bot.store import Store, StoreUnavailable
from knowledge.base import LookupFailed
from knowledge.local import LocalIndex

_OVERDUE = 30.0  # seconds something may wait before no worker seems to be at work


def watch_stores(components: Components, registry: Registry, store: Store, link: RedisLink) -> None:
    """The database, and Redis if there is one."""
    database = registry.add("store", "database", interface={"takes": "SQL", "keeps": "everything"})

    async def ask_database() -> Look:
        try:
            async with database.call():
                await store.ping()
        except StoreUnavailable as error:
            return Look(state="down", trouble=str(error))
        return Look(state="up")

    components.watch(database, ask_database)
    if not link.url:
        return
    redis = registry.add("store", "redis", interface={"takes": "Redis commands", "keeps": "nothing for long"})

    async def ask_redis() -> Look:
        async with redis.call() as call:
            if await link.attempt(link.client.ping):
                return Look(state="up")
            call.failed(trouble := f"{link.last_error}; turns run without it, slower")
        return Look(state="down", trouble=trouble)

    components.watch(redis, ask_redis)


def watch_work(components: Components, registry: Registry, store: Store, *, announces: bool) -> None:
    """What workers are to do; `announces`: others' programs are to be told what happens."""

    async def ask_turns() -> Look:
        oldest = await store.turns.oldest_due()
        if oldest > _OVERDUE:
            trouble = f"a conversation has been due for {oldest:.0f} s; is a worker up?"
            return Look(state="down", trouble=trouble, facts={"oldest_due_seconds": round(oldest, 1)})
        return Look(state="up", facts={"oldest_due_seconds": round(oldest, 1)})

    async def ask_webhooks() -> Look:
        backlog = await store.webhooks.backlog()
        facts = {
            "waiting": backlog.waiting,
            "failed": backlog.failed,
            "oldest_seconds": round(backlog.oldest, 1),
        }
        if backlog.failing:
            return Look(state="degraded", trouble=f"the receiver: {backlog.error}", facts=facts)
        if backlog.oldest > _OVERDUE:
            return Look(state="degraded", trouble="nobody tells them; is a worker up?", facts=facts)
        return Look(state="up", facts=facts)

    turns = registry.add("work", "turns", interface={"takes": "conversations that are due"})
    components.watch(turns, _if_store_answers(ask_turns))
    if announces:
        webhooks = registry.add("work", "webhooks", interface={"takes": "events for WEBHOOK_URL"})
        components.watch(webhooks, _if_store_answers(ask_webhooks))


def watch_mailboxes(
    components: Components, registry: Registry, store: Store, mailboxes: Sequence[str]
) -> None:
    """Whether each mailbox is being read; its reader may be another process."""
    for name in mailboxes:

        async def ask(name: str = name) -> Look:
            found = next((each for each in await store.mailboxes.states() if each.name == name), None)
            if found is None or not found.read:
                return Look(state="down", trouble="nobody reads it; is `switchboard mail` running?")
            return Look(state=found.state, trouble=found.error or None)

        component = registry.add("channel", name, interface={"takes": "mails of an IMAP mailbox"})
        components.watch(component, _if_store_answers(ask))


def watch_index(components: Components, component: Component, index: LocalIndex) -> None:
    """What the index holds, and whether it can be read although nobody asks just now. That it can says
    nothing against what those find out who do ask."""
    unreadable = False

    async def ask() -> Look:
        nonlocal unreadable
        was, unreadable = unreadable, True
        try:
            found = await index.statistics()
        except LookupFailed as error:
            return Look(state="down", trouble=str(error))
        unreadable = False
        facts = {"documents": found.documents, "chunks": found.chunks, "embedded": found.embedded}
        return Look(state="up" if was else None, facts=facts)

    components.watch(component, ask)


def _if_store_answers(ask: Probe) -> Probe:
    """While the database is down it is the database's trouble alone."""

    async def asked() -> Look | None:
        try:
            return await ask()
        except StoreUnavailable:
            return None

    return asked

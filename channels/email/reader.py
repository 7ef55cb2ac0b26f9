"""Reading one mailbox for ever: connect, take what is there, wait for news, and after trouble once more.

The place reached is kept in the store, so reading goes on there after any outage. Several processes may read
the same mailbox: one of them leads, another takes over when it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

from channels.email.health import Health, Wellbeing
from channels.email.imap import Connection, connect
from channels.email.imap_account import Account, MailboxTrouble
from channels.email.lead import Lead, LeadLost, jitter, words
from channels.email.mailboxes import Mailboxes
from channels.email.pace import Pace
from channels.email.taking import Fetched, Taking

log = logging.getLogger(__name__)


class MailboxReader:
    """Reads a mailbox for as long as `run` runs. `name` is its key in the store.

    `accept` takes one mail and returns once it is durable; a repeat must be harmless. `since` says where the
    very first run begins: with what is unseen from "today", or with "all". `processed` is "seen", or the
    folder that mails are moved to.
    """

    def __init__(
        self,
        *,
        name: str,
        account: Account,
        mailboxes: Mailboxes,
        accept: Callable[[Fetched], Awaitable[None]],
        since: Literal["today", "all"] = "today",
        processed: str = "seen",
        pace: Pace | None = None,
    ) -> None:
        self._name = name
        self._account = account
        self._pace = pace or Pace()
        self._lead = Lead(mailboxes, name, seconds=self._pace.lease)
        self._wellbeing = Wellbeing(name)
        self._taking = Taking(
            name=name,
            mailboxes=mailboxes,
            accept=accept,
            since=since,
            processed=processed,
            pace=self._pace,
            lead=self._lead,
            wellbeing=self._wellbeing,
        )

    @property
    def health(self) -> Health:
        reached = self._taking.position
        return self._wellbeing.health(last_uid=reached.uid if reached else None, leading=self._lead.ours)

    async def run(self) -> None:
        """Read, or stand by while another reads. Ends only by being cancelled."""
        try:
            while True:
                await self._lead.gain(self._stand_by)
                await self._read_while_leading()
        finally:
            await self._lead.give_up()

    def _stand_by(self, error: str) -> None:
        if error:
            self._wellbeing.trouble(error)
        else:
            self._wellbeing.well("standing by")

    async def _read_while_leading(self) -> None:
        """Read until the lead is lost."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lead.keep())
                group.create_task(self._read_for_ever())
        except* LeadLost:
            log.warning("mailbox %s: no longer ours to read", self._name)

    async def _read_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began, reached = loop.time(), self._taking.position
            try:
                async with connect(self._account, patience=self._pace.patience) as connection:
                    await self._follow(connection)
            except LeadLost:
                raise
            except MailboxTrouble as trouble:
                self._wellbeing.trouble(trouble.detail, lasting=trouble.lasting)
            except Exception as error:  # the store's, or a flaw of ours: the mailbox is tried again
                log.exception("mailbox %s: reading failed", self._name)
                self._wellbeing.trouble(f"reading failed: {words(error)}")
            # A connection that soon ends again, without a mail, is not renewed at once: servers count logins.
            brought = self._taking.position != reached and reached is not None
            failures = 1 if brought or loop.time() - began > 10 else failures + 1
            lasting = self._wellbeing.lasting
            await asyncio.sleep(
                self._pace.lasting_pause * jitter() if lasting else self._pace.pause(failures)
            )

    async def _follow(self, connection: Connection) -> None:
        """Read what is there, then what comes."""
        await self._taking.recall()
        while True:
            await self._taking.take(connection)
            self._wellbeing.well("read")
            if not await connection.wait_for_news(self._pace.poll):
                await connection.select()

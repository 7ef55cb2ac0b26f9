"""The store: every room of it over one database."""

from __future__ import annotations

from typing import Self

from bot.store.acts import Acts
from bot.store.alarms import Alarms
from bot.store.approvals import Approvals
from bot.store.arranging import Arranging
from bot.store.attachments import Attachments
from bot.store.audit import Audit
from bot.store.canned import Canned
from bot.store.codes import Codes
from bot.store.contacts import Contacts
from bot.store.conversations import Conversations
from bot.store.copilot import Copilot
from bot.store.costs import Costs
from bot.store.counting import Counting
from bot.store.database import Database, is_postgres, sqlite_path
from bot.store.deliveries import Deliveries
from bot.store.evaluation import EvaluationSet
from bot.store.figures import Figures
from bot.store.follow_ups import FollowUps
from bot.store.inbox import Inbox
from bot.store.journal import Journal
from bot.store.knowledge import KnowledgeBook
from bot.store.mailboxes import Mailboxes
from bot.store.mentions import Mentions
from bot.store.operators import Operators
from bot.store.overdue import Overdue
from bot.store.people import People
from bot.store.presence import Presence
from bot.store.profiles import Profiles
from bot.store.recaps import Recaps
from bot.store.records import Counts
from bot.store.rota import Rota
from bot.store.sessions import Sessions
from bot.store.spending import Spending
from bot.store.target import NO_TARGET, Target
from bot.store.touched import Touched
from bot.store.trays import Trays
from bot.store.turns import Turns
from bot.store.undelivered import Undelivered
from bot.store.uploads import Uploads
from bot.store.views import Views
from bot.store.ways import Ways
from bot.store.webhooks import Webhooks

_STATUSES = "SELECT status, COUNT(*) AS count FROM conversations GROUP BY status"
_LATE = """
    SELECT (SELECT {now} - MIN(due_at) FROM conversations WHERE due_at <= {now}) AS turn,
        (SELECT {now} - MIN(due_at) FROM sendings WHERE due_at <= {now}) AS delivery
"""


async def open_database(url: str, *, announces: bool = False) -> Database:
    """Open `sqlite:///path`, a bare path, `postgres://…` or `postgresql://…`, or raise StoreUnavailable."""
    if is_postgres(url):
        from bot.store.postgres import open_postgres

        return await open_postgres(url, announces=announces)
    from bot.store.sqlite import open_sqlite

    return await open_sqlite(sqlite_path(url), announces=announces)


async def migrate(url: str) -> None:
    """Bring a database to the present schema; any number of processes may try at once.

    Raises StoreUnavailable.
    """
    from bot.store.schema import bring_up  # a hundred modules that only this needs

    await bring_up(url)


class Store:
    """Opened by `Store.open`, one for each process; each method of its parts is one transaction."""

    def __init__(self, database: Database, target: Target = NO_TARGET) -> None:
        self.database = database
        self.contacts = Contacts(database)
        self.codes = Codes(database)
        self.conversations = Conversations(database)
        self.turns = Turns(database)
        self.spending = Spending(database)
        self.journal = Journal(database)
        self.approvals = Approvals(database)
        self.acts = Acts(database)
        self.follow_ups = FollowUps(database)
        self.deliveries = Deliveries(database)
        self.undelivered = Undelivered(database)
        self.people = People(database)
        self.presence = Presence(database)
        self.profiles = Profiles(database, target)
        self.canned = Canned(database)
        self.copilot = Copilot(database)
        self.recaps = Recaps(database)
        self.arranging = Arranging(database)
        self.audit = Audit(database)
        self.mentions = Mentions(database)
        self.operators = Operators(database)
        self.overdue = Overdue(database, target)
        self.rota = Rota(database)
        self.sessions = Sessions(database)
        self.inbox = Inbox(database, target)
        self.attachments = Attachments(database)
        self.uploads = Uploads(database)
        self.trays = Trays(database)
        self.ways = Ways(database)
        self.knowledge = KnowledgeBook(database)
        self.mailboxes = Mailboxes(database)
        self.views = Views(database)
        self.webhooks = Webhooks(database)
        self.alarms = Alarms(database)
        self.touched = Touched(database)
        self.costs = Costs(database, self.alarms)
        self.counting = Counting(database, target)
        self.figures = Figures(database)
        self.evaluation = EvaluationSet(database)

    @classmethod
    async def open(cls, url: str, *, announces: bool = False, target: Target = NO_TARGET) -> Self:
        """Open a database that `migrate` has prepared, or raise StoreUnavailable.

        `announces`: what happens in it is also told to WEBHOOK_URL. `target`: by when people are to answer.
        """
        return cls(await open_database(url, announces=announces), target)

    async def ping(self) -> None:
        """Return when the database answers. Raises StoreUnavailable."""
        async with self.database.read() as reader:
            await reader.one("SELECT 1 AS one")

    async def counts(self) -> Counts:
        """The store at a glance."""
        async with self.database.read() as reader:
            statuses = await reader.all(_STATUSES)
            late = await reader.one(_LATE)
        assert late is not None
        return Counts(
            conversations={row["status"]: row["count"] for row in statuses},
            oldest_due=(late["turn"] or 0) / 1_000_000,
            oldest_delivery=(late["delivery"] or 0) / 1_000_000,
        )

    async def close(self) -> None:
        """Let every connection go."""
        await self.database.close()

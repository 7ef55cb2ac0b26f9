"""Where everything durable lives: the only place that speaks to the database."""

from bot.store.database import StoreUnavailable
from bot.store.events import BadCursor
from bot.store.operators import AlreadyThere
from bot.store.outgoing import NoSuchConversation
from bot.store.store import Store, migrate

__all__ = ["AlreadyThere", "BadCursor", "NoSuchConversation", "Store", "StoreUnavailable", "migrate"]

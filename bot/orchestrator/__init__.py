"""One turn in, one outcome out: no database, no queue, no channel."""

from bot.orchestrator.turn import run

__all__ = ["run"]

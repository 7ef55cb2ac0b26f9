"""What happened, added up by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text(f"'{default}'"))


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("FALSE"))


def upgrade() -> None:
    op.create_index("events_created", "events", ["created_at"])
    op.create_index("ratings_created", "ratings", ["created_at"])
    op.create_table(
        "cases",
        sa.Column(
            "conversation_id",
            sa.Text,
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        _number("last_event"),
        _text("status", "bot"),
        _text("day"),
        _text("channel"),
        _number("opened_at"),
        _number("last_at"),
        sa.Column("waiting_since", sa.BigInteger, nullable=True),
        _text("first_by"),
        _text("reply"),
        _text("handed_off"),
        _flag("assisted"),
        _flag("human"),
        _number("score"),
    )
    op.create_table(
        "figures",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        _number("amount"),
    )
    op.create_table(
        "degraded_minutes",
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("what", sa.Text, primary_key=True),
    )
    op.create_table(
        "counting",
        sa.Column("id", sa.Text, primary_key=True),
        _text("rules"),
        _number("number"),
        _number("mark"),
    )

"""Mail: who reads a mailbox and how far, what could not be understood, and how messages hang together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _unset(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def upgrade() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("name", sa.Text(), nullable=False),
        _text("holder"),
        _number("lease_until"),
        _unset("uidvalidity"),
        _number("uid"),
        _unset("received_at"),
        _text("state", "degraded"),
        _text("error"),
        _number("since"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "set_aside",
        sa.Column("id", sa.Text(), nullable=False),
        _text("mailbox"),
        _number("uidvalidity"),
        _number("uid"),
        _text("original"),
        _number("size"),
        _text("why"),
        _number("created_at"),
        _unset("seen_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("mailbox", "uidvalidity", "uid", name="set_aside_mail"),
    )
    op.create_index("set_aside_new", "set_aside", ["created_at", "id"], **_where("seen_at IS NULL"))
    op.add_column("messages", sa.Column("reference", sa.Text(), nullable=True))
    op.add_column("messages", _text("thread", "[]"))
    op.add_column("messages", _text("via"))
    op.add_column("messages", _text("original"))
    op.create_index(
        "messages_reference", "messages", ["channel", "reference"], **_where("reference IS NOT NULL")
    )
    op.create_index("deliveries_recipient", "deliveries", ["channel", "recipient", "created_at"])

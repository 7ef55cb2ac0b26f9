"""The journal of write calls and approvals, and what the bot promised to come back to."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("FALSE"), nullable=False)


def _unset(name: str, kind: Any = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=True)


def _conversation() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
    )


def upgrade() -> None:
    for name in ("epoch", "calls", "news"):
        op.add_column("conversations", _number(name))
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), nullable=False),
        *_conversation(),
        _text("turn_id"),
        _text("message_id"),
        _number("epoch"),
        _text("tool"),
        _text("arguments", "{}"),
        _text("proposed", "{}"),
        _text("key"),
        _flag("idempotent"),
        _flag("asked"),
        _text("state", "running"),
        _text("result"),
        _text("why"),
        _text("note"),
        _unset("decided_by", sa.Text),
        _unset("decided_at"),
        _unset("expires_at"),
        _unset("reminded_at"),
        _unset("due_at"),
        _number("fence"),
        _flag("untold"),
        _unset("told_at"),
        _number("created_at"),
        _unset("ended_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="calls_key"),
    )
    op.create_index("calls_conversation", "calls", ["conversation_id"])
    op.create_index("calls_state", "calls", ["state", "created_at"])
    op.create_index("calls_due", "calls", ["due_at"], **_where("due_at IS NOT NULL"))
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.Text(), nullable=False),
        *_conversation(),
        _text("turn_id"),
        _text("message_id"),
        _text("key"),
        _text("about"),
        _unset("due_at"),
        _flag("untold"),
        _unset("told_at"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="follow_ups_key"),
    )
    op.create_index("follow_ups_conversation", "follow_ups", ["conversation_id"])
    op.create_index("follow_ups_due", "follow_ups", ["due_at"], **_where("due_at IS NOT NULL"))

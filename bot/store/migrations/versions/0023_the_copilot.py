"""Suggested answers and what became of them, and conversations in short."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _unset(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def upgrade() -> None:
    op.create_table(
        "suggestions",
        sa.Column("turn_id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        _text("operator_id"),
        _text("text"),
        _text("citations", "[]"),
        _number("created_at"),
        _unset("taken_at"),
        _unset("dismissed_at"),
        sa.Column("message_id", sa.Text(), nullable=True),
        _text("sent_text"),
        sa.Column("changed", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("turn_id"),
    )
    op.create_index("suggestions_created", "suggestions", ["created_at"])
    op.create_index("suggestions_conversation", "suggestions", ["conversation_id"])
    op.create_table(
        "summaries",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        _text("text"),
        _text("model"),
        _number("up_to_seq"),
        _number("created_at"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("conversation_id"),
    )

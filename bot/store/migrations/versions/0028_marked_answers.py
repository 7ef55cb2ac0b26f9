"""Answers that operators marked as good or bad."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        _text("message_id"),
        _text("turn_id"),
        _text("channel"),
        _text("mark"),
        _text("question"),
        _text("history", "[]"),
        _text("answer"),
        _text("passages", "[]"),
        _text("intent"),
        _text("tools", "[]"),
        _text("model"),
        _number("cost"),
        _text("expected"),
        _text("reason"),
        _text("marked_by"),
        _number("created_at"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id", name="evaluations_message"),
    )
    op.create_index("evaluations_created", "evaluations", ["created_at", "id"])
    op.create_index("evaluations_mark", "evaluations", ["mark", "created_at", "id"])
    op.create_index("evaluations_conversation", "evaluations", ["conversation_id"])

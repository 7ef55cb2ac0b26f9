"""What leaves does so in parts, at a pace; files are fetched; windows and opt-outs are kept."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_QUEUED_BEFORE = """
    INSERT INTO sendings (delivery_id, part, conversation_id, channel, seq, text, status, error, attempts,
        due_at, lease_until, fence, tried_at, created_at)
    SELECT d.id, 1, d.conversation_id, d.channel, m.seq, m.text, d.status, d.error, d.attempts,
        d.due_at, d.lease_until, d.fence, d.updated_at, d.created_at
    FROM deliveries d JOIN messages m ON m.id = d.message_id
    WHERE d.due_at IS NOT NULL OR d.provider_id IS NOT NULL
"""
_KNOWN_BEFORE = """
    INSERT INTO provider_ids (channel, provider_id, delivery_id, part, recipient, created_at)
    SELECT channel, provider_id, id, 1, recipient, updated_at FROM deliveries WHERE provider_id IS NOT NULL
"""


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("(FALSE)"), nullable=False)


def upgrade() -> None:
    due = _where("due_at IS NOT NULL")
    op.create_table(
        "sendings",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        _text("conversation_id"),
        _text("channel"),
        _number("seq"),
        _text("text"),
        _text("status", "queued"),
        sa.Column("error", sa.Text(), nullable=True),
        _number("attempts"),
        _number("looks"),
        _flag("window_closed"),
        _flag("slotted"),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        _number("fence"),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        _number("created_at"),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delivery_id", "part"),
    )
    op.create_table(
        "provider_ids",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        _number("part"),
        _text("recipient"),
        _flag("superseded"),
        _number("created_at"),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("channel", "provider_id"),
    )
    op.create_table(
        "paces",
        sa.Column("channel", sa.Text(), nullable=False),
        _number("next_at"),
        _number("blocked_until"),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.execute(_QUEUED_BEFORE)
    op.execute(_KNOWN_BEFORE)
    op.drop_index("deliveries_due", "deliveries")
    # SQLite makes the table anew: it cannot drop a column that a constraint names.
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_constraint("deliveries_provider", type_="unique")
        for column in ("attempts", "provider_id", "due_at", "lease_until", "fence", "settled_fence"):
            deliveries.drop_column(column)
    op.create_index("sendings_due", "sendings", ["due_at"], **due)
    op.create_index("sendings_line", "sendings", ["conversation_id", "channel", "seq", "part"], **due)
    op.create_index("provider_ids_recipient", "provider_ids", ["channel", "recipient", "created_at"])
    op.create_index("provider_ids_delivery", "provider_ids", ["delivery_id"])
    op.add_column("receipts", sa.Column("trouble", sa.Text(), nullable=True))
    op.add_column("conversations", _number("silenced_seq"))
    op.add_column("identities", sa.Column("window_until", sa.BigInteger(), nullable=True))
    op.add_column("identities", sa.Column("opted_out_at", sa.BigInteger(), nullable=True))
    op.add_column("attachments", _text("channel"))
    op.add_column("attachments", _text("url"))
    op.add_column("attachments", _text("state", "here"))
    op.add_column("attachments", _number("attempts"))
    op.add_column("attachments", sa.Column("due_at", sa.BigInteger(), nullable=True))
    op.add_column("attachments", sa.Column("error", sa.Text(), nullable=True))
    op.create_index("attachments_due", "attachments", ["due_at"], **due)
    op.create_index(
        "attachments_unsent",
        "attachments",
        ["created_at"],
        **_where("message_id IS NULL AND due_at IS NULL"),
    )

"""Conversations of a channel are found without those of the others."""

from __future__ import annotations

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("conversations_channel", "conversations", ["channel", "status", "last_activity_at"])

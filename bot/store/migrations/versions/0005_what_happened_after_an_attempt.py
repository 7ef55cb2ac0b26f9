"""When something last left, what came in after an attempt, and what an operator had sent again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("paces", sa.Column("left_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("identities", sa.Column("window_opened_at", sa.BigInteger(), nullable=True))
    op.add_column("identities", sa.Column("opted_in_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "sendings", sa.Column("by_hand", sa.Boolean(), server_default=sa.text("FALSE"), nullable=False)
    )
    op.create_index("receipts_created", "receipts", ["created_at"])

"""Operators sign in, and what they have read is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_sessions",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("operator_sessions_operator", "operator_sessions", ["operator_id"])
    op.create_index("operator_sessions_expires", "operator_sessions", ["expires_at"])
    op.add_column(
        "conversations",
        sa.Column("operators_read_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )

"""How far a conversation's summary reaches, and which model told it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "conversations",
        sa.Column("summary_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "conversations", sa.Column("summary_model", sa.Text(), server_default=sa.text("''"), nullable=False)
    )

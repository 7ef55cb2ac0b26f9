"""What an operator says to the bot when they hand a conversation back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "conversations", sa.Column("guidance", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column(
        "messages", sa.Column("for_bot", sa.Boolean(), server_default=sa.text("FALSE"), nullable=False)
    )

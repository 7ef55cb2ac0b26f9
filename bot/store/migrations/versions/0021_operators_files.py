"""Files that operators lay beside their replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_IN_A_TRAY = sa.text("operator_id IS NOT NULL AND message_id IS NULL")


def upgrade() -> None:
    op.add_column("attachments", sa.Column("conversation_id", sa.Text(), nullable=True))
    op.add_column("attachments", sa.Column("operator_id", sa.Text(), nullable=True))
    op.create_index(
        "attachments_tray",
        "attachments",
        ["conversation_id", "operator_id"],
        sqlite_where=_IN_A_TRAY,
        postgresql_where=_IN_A_TRAY,
    )

"""Who waits for a person's answer is found by since when, and told of once when that is too long ago."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = sa.Column("overdue_told", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    op.add_column("conversations", told)
    for name, condition in (
        ("conversations_unanswered", "waiting_since IS NOT NULL"),
        ("conversations_untold", "waiting_since > overdue_told"),
    ):
        where = sa.text(condition)
        op.create_index(
            name, "conversations", ["waiting_since", "id"], sqlite_where=where, postgresql_where=where
        )

"""What operators look for often."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Text(), nullable=False),
        _text("operator_id"),
        _text("name"),
        _text("query"),
        sa.Column("shared", sa.Boolean(), server_default=sa.text("(FALSE)"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("operator_id", "name", name="saved_views_name"),
    )
    op.create_index(
        "saved_views_shared",
        "saved_views",
        ["name"],
        sqlite_where=sa.text("shared"),
        postgresql_where=sa.text("shared"),
    )

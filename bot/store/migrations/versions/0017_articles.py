"""What operators write for the bot to know, and gaps that somebody has seen to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.add_column("knowledge_gaps", sa.Column("closed_at", sa.BigInteger(), nullable=True))
    unseen = sa.text("closed_at IS NULL")
    op.create_index(
        "knowledge_gaps_open",
        "knowledge_gaps",
        ["created_at"],
        sqlite_where=unseen,
        postgresql_where=unseen,
    )
    op.create_table(
        "articles",
        sa.Column("id", sa.Text(), nullable=False),
        _text("title"),
        _text("text"),
        _text("updated_by"),
        _number("created_at"),
        _number("updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("articles_updated", "articles", ["updated_at", "id"])

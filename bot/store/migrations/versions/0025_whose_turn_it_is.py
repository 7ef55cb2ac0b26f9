"""Whose turn it is to be given a conversation, and who is here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_HELD = sa.text("status IN ('human', 'waiting')")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "rota",
        sa.Column("id", sa.Text(), nullable=False),
        _number("turn"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO rota (id, turn) VALUES ('desk', 0)")
    op.add_column("operators", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    op.add_column("operators", _number("given_turn"))
    op.create_index("operators_seen", "operators", ["seen_at"])
    op.create_index(
        "conversations_held", "conversations", ["assignee_id"], sqlite_where=_HELD, postgresql_where=_HELD
    )

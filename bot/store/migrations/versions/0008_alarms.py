"""What the owner was told of, and what is still to be sent to ALERT_URLS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("key", sa.Text(), nullable=False),
        _number("since"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("alarms_since", "alarms", ["since"])
    op.create_table(
        "notices",
        sa.Column("id", sa.Text(), nullable=False),
        _text("target"),
        _text("kind"),
        _text("title"),
        _text("text"),
        _number("attempts"),
        _number("due_at"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_due", "notices", ["due_at"])

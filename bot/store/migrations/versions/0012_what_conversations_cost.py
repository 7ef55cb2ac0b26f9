"""What conversations have cost within some days is read from an index alone."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("usage_day", "usage")
    op.create_index("usage_day", "usage", ["day", "conversation_id", "cost"])

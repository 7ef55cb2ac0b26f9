"""Finding the steps in which something went wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("status = 'failed' OR kind = 'fallback'")
    op.create_index("steps_trouble", "steps", ["started_at"], sqlite_where=where, postgresql_where=where)

"""What of a call that an operator is asked about the contact never said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("unsaid", sa.Text(), server_default=sa.text("'[]'"), nullable=False))

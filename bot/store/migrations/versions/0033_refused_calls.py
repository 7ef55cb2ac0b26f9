"""Why a service refused a call, as far as the customer may be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("refusal", sa.Text(), nullable=True))

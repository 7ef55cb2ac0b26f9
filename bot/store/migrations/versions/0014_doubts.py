"""How often a part of a message was sent again because nobody knew whether it had been sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sendings", sa.Column("doubts", sa.BigInteger, nullable=False, server_default="0"))

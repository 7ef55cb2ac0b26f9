"""Operators who have left, and who made a token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_LEFT = sa.text("deactivated_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("operators", sa.Column("deactivated_at", sa.BigInteger(), nullable=True))
    op.add_column("api_tokens", sa.Column("made_by", sa.Text(), nullable=True))
    op.create_index(
        "operators_left", "operators", ["deactivated_at"], sqlite_where=_LEFT, postgresql_where=_LEFT
    )
    op.create_index("api_tokens_maker", "api_tokens", ["made_by"])
    # Of those made so far the audit log knows; what is lent by an operator is theirs.
    op.execute(
        "UPDATE api_tokens SET made_by = COALESCE(operator_id, (SELECT MIN(actor_id) FROM audit a "
        "WHERE a.about = api_tokens.id AND a.act = 'token.create' AND a.actor_kind = 'operator'))"
    )

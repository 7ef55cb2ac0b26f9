"""Contacts are listed by when they came."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("contacts_created", "contacts", ["created_at", "id"])

"""What a call may cost stands in the ledger before it is made; budgets, and what was spent day by day."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _unset(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def upgrade() -> None:
    for column in (_text("channel"), _text("day"), _number("epoch"), _number("tokens_cached")):
        op.add_column("usage", column)
    for column in (_number("reserved"), _unset("presumed_at"), _unset("settled_at")):
        op.add_column("usage", column)
    day = (
        "date(created_at / 1000000, 'unixepoch')"
        if op.get_bind().dialect.name == "sqlite"
        else "to_char(to_timestamp(created_at / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    )
    op.execute(
        f"""
        UPDATE usage SET settled_at = created_at, day = {day}, channel = COALESCE((
            SELECT m.channel FROM messages m WHERE m.conversation_id = usage.conversation_id
            ORDER BY m.seq DESC LIMIT 1), '')
        """  # noqa: S608
    )
    op.drop_index("usage_contact", "usage")
    op.create_index("usage_contact", "usage", ["contact_id", "day"])
    op.drop_index("usage_created", "usage")
    op.create_index("usage_day", "usage", ["day"])
    underway = "settled_at IS NULL AND presumed_at IS NULL"
    op.create_index("usage_underway", "usage", ["created_at"], **_where(underway))
    op.create_table(
        "budgets",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        _number("used"),
        _number("touched_at"),
        sa.PrimaryKeyConstraint("scope", "subject", "day"),
    )
    op.create_index("budgets_touched", "budgets", ["touched_at"])
    op.create_table(
        "costs",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        _number("calls"),
        _number("tokens_in"),
        _number("tokens_out"),
        _number("cost"),
        _number("estimated"),
        sa.PrimaryKeyConstraint("day", "model", "channel"),
    )
    op.execute(
        """
        INSERT INTO costs (day, model, channel, calls, tokens_in, tokens_out, cost, estimated)
        SELECT day, model, channel, COUNT(*), SUM(tokens_in), SUM(tokens_out), SUM(cost),
            SUM(CASE WHEN estimated THEN cost ELSE 0 END)
        FROM usage GROUP BY day, model, channel
        """
    )

"""What operators arrange: labels, priority, snoozing until a time, drafts of replies; and search in words."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_CHANNEL = """
    UPDATE conversations SET channel = COALESCE((SELECT m.channel FROM messages m
        WHERE m.conversation_id = conversations.id ORDER BY m.seq DESC LIMIT 1), '')
"""
# A copy of what was said, by the number SQLite itself gives a message's row.
_SQLITE_WORDS = (
    """
    CREATE VIRTUAL TABLE message_words USING fts5(
        text, conversation_id UNINDEXED, tokenize = "unicode61 remove_diacritics 2", detail = none)
    """,
    """
    INSERT INTO message_words (rowid, text, conversation_id)
    SELECT rowid, text, conversation_id FROM messages ORDER BY created_at
    """,
    """
    CREATE TRIGGER messages_said AFTER INSERT ON messages BEGIN
        INSERT INTO message_words (rowid, text, conversation_id)
        VALUES (new.rowid, new.text, new.conversation_id);
    END
    """,
    """
    CREATE TRIGGER messages_reworded AFTER UPDATE OF text, conversation_id ON messages BEGIN
        UPDATE message_words SET text = new.text, conversation_id = new.conversation_id
        WHERE rowid = new.rowid;
    END
    """,
    """
    CREATE TRIGGER messages_gone AFTER DELETE ON messages BEGIN
        DELETE FROM message_words WHERE rowid = old.rowid;
    END
    """,
)
# A row of an index may hold no more than 1 MB of words.
_POSTGRES_WORDS = (
    "CREATE INDEX messages_words ON messages USING gin (to_tsvector('simple', left(text, 100000)))"
)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _conversation() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
    )


def upgrade() -> None:
    op.add_column("conversations", sa.Column("snoozed_until", sa.BigInteger(), nullable=True))
    op.add_column("conversations", _text("channel"))
    op.add_column("conversations", _number("priority"))
    op.execute(_CHANNEL)
    op.create_index(
        "conversations_assignee",
        "conversations",
        ["assignee_id", "last_activity_at"],
        **_where("assignee_id IS NOT NULL"),
    )
    op.create_index(
        "conversations_snoozed", "conversations", ["snoozed_until"], **_where("snoozed_until IS NOT NULL")
    )
    op.create_table(
        "conversation_labels",
        *_conversation(),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "label"),
    )
    op.create_index("conversation_labels_label", "conversation_labels", ["label", "conversation_id"])
    op.create_table(
        "reply_drafts",
        *_conversation(),
        sa.Column("operator_id", sa.Text(), nullable=False),
        _text("text"),
        sa.Column("private", sa.Boolean(), server_default=sa.text("FALSE"), nullable=False),
        _number("updated_at"),
        sa.PrimaryKeyConstraint("conversation_id", "operator_id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE_WORDS:
            op.execute(statement)
    else:
        op.execute(_POSTGRES_WORDS)

"""What Alembic runs: always on a connection it is given, so that the caller decides about locks."""

from alembic import context

from bot.store.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()

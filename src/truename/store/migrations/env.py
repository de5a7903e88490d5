"""What Alembic asks for: the connection comes from `store/migrate.py`, which owns it."""

from alembic import context

from truename.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()

"""How Alembic runs our revisions: over the connection it is handed, each in its own transaction."""

from alembic import context

from payments.adapters.sql.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=True,
    # SQLite can roll back DDL; its driver only has to leave BEGIN to us, which migrate.py sees to.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

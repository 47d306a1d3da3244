"""Alembic runs this file: it applies the steps on the connection that `Store.open` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
# The caller's transaction holds all steps: either the whole upgrade is there, or nothing of it.
context.run_migrations()

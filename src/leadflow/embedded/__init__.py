"""The data directory, and the Postgres that LeadFlow brings along in it."""

"""Django's backend for PostgreSQL with fewer round trips; this package is the database's ENGINE."""

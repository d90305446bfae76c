"""Conversations on the disk: SQLite, search, export and import."""

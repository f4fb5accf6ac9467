"""Servers of PostgreSQL that a test may stop, and what stands between them and us."""

"""Returns and exchanges (row 64)."""

"""Returns and exchanges (rows 64 and 70, shopify.md 7.6)."""

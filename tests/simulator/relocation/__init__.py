"""Fulfillment orders that are moved to another location (row 69, shopify.md 7.6)."""

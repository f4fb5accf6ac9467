"""Fulfillment orders that are moved to another location (row 69)."""

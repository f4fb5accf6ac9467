"""Payments of orders: whole, in parts, captured (row 68, shopify.md 7.6)."""

"""Payments of orders: whole, in parts, captured (row 68)."""

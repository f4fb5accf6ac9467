"""Pages of orders, their copies and later changes."""

"""The control API: what tests in other processes do to a shop, and see of it."""

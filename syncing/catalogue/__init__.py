"""Products, prices and content on their way from a source to its destinations."""

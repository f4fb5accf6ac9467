"""Pages of links between variants."""

"""Products that follow a source."""

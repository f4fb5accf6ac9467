"""Collections, pages, blogs and articles that follow a source."""

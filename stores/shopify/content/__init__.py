"""The wire: collections, pages, blogs, articles."""

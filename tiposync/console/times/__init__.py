"""Times of pages: in whose zone they are shown, and by which days rows are filtered."""

"""Pages for people: watch a shop and move it by hand."""

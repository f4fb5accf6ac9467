"""The first page and the menu."""

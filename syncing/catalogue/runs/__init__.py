"""Runs over a whole catalogue, and their previews."""

"""Mutations of products, variants and their files."""

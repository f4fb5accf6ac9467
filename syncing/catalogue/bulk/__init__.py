"""Writes of runs that Shopify carries out in bulk."""

"""Metafields of any owner: values and definitions."""

"""Metaobjects: entries of types that a store defines itself, which metafields refer to (row 77)."""

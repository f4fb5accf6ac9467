"""Proof of the wire."""

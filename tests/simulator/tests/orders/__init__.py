"""Tests of what becomes of orders later: edits, payments, moves, returns."""

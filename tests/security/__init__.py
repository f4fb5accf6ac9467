"""Proofs that nobody gets in, gets at, or gets through: one file per subject."""

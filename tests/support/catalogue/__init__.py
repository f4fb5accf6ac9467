"""What tests of catalogues have in common."""

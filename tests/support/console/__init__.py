"""What tests of the console have in common: rows, addresses, buttons."""

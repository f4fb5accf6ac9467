"""Which variant of one store is which of the other: matched, suggested, linked by hand or by file."""

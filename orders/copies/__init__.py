"""The copy of an order: planned, written on the wire, found again."""

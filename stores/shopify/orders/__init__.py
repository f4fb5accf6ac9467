"""The wire: orders, drafts, shipments, refunds."""

"""Mutations of orders, drafts, shipments and refunds."""

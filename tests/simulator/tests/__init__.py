"""Proofs of the simulator, against what Shopify documents."""

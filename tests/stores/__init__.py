"""Proofs of the map: stores, connections, links, and the wire to Shopify."""

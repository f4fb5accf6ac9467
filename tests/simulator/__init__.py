"""A Shopify that fits in one process: real HTTP, real schema, real webhooks (development only)."""

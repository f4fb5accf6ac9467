"""What Shopify tells us: recorded, then worked on."""

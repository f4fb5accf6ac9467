"""What a comparison is made of: what it makes, the rows of variants, and where a product is on sale."""

"""What a copy says and what it costs: pure, without the database and without Shopify."""

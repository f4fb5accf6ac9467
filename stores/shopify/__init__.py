"""The wire: how to ask Shopify. No Django below this line; nothing here knows our models."""

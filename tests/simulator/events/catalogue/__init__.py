"""What happens to a catalogue: what people do by hand, what Shopify does by itself."""

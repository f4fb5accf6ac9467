"""What happens in a shop: by buyers, by people in its admin, by time."""

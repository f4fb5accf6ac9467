"""What happens to an order after it was copied, carried to the other store."""

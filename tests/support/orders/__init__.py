"""What tests of orders have in common."""

"""What a simulated shop consists of."""

"""What is wrong, who is told, and what the service says of itself."""

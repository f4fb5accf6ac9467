"""What is sent to the destination: the write itself, channels, and what may be removed."""

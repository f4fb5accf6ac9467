"""What mutations refuse and do."""

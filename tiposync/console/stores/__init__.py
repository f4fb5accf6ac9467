"""Pages of stores and connections, and the switch."""

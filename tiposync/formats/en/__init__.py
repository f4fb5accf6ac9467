"""English, the one language of the console."""

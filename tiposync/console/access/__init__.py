"""People, their sign-in, and what they changed."""

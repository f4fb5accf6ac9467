"""The tasks that a support agent does alone, by role, with the number of clicks."""

"""Orders and drafts that apps make in the simulator, and how they are read."""

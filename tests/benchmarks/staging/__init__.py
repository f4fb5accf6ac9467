"""What the benchmarks stand on: scratch installations, rows to fill them with, processes that do the work, and load."""

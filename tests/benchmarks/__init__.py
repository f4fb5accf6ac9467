"""What the product costs, each figure beside the floor it could reach: `python -m tests.benchmarks`."""

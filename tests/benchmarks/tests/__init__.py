"""Tests of the benchmarks themselves: that they run, and that their figures fit each other."""

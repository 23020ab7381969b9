"""Benchmarks that judge themselves: every number stands beside its floor, timed from when it should have been sent."""

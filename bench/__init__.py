"""Benchmarks as ratios against a peer of the same run; `make bench` writes docs/benchmarks.md."""

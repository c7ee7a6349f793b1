"""What the benchmarks measure with: pinned processes, a load generator, an upstream, the peers."""

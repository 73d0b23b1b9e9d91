"""Streaming jobs: a tile fed from and drained into memory by itself."""

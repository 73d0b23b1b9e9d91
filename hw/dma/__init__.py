"""Moves blocks between main memory and scratchpad while harts compute."""

"""``python -m tightrope.sim.bench``: how fast simulator, kernels and model are, against bars."""

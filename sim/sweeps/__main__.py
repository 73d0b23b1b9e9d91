"""The program behind ``python -m tightrope.sim.sweeps``."""

from .main import app

app()

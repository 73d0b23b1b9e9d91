"""Cosimulation: the RTL of a machine, compiled by Verilator, running images under cocotb.

``run.run_images`` is the way in. This file imports nothing, because the simulator's own Python
imports it before each run.
"""

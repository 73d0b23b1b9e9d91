"""A board that isn't there: the design of a bitstream, simulated, behind a pseudo-terminal."""

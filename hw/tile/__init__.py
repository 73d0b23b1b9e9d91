"""The analog tile: array, control, registers."""

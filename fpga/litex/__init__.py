"""The machine with external memory, in an SoC of LiteX."""

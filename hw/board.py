"""What all bodies for a board share: the name of its clock, and how it is asked for block RAM."""

__all__ = ["BLOCK_RAM", "BOARD_DOMAIN"]

BOARD_DOMAIN = "board"
"""The clock that never waits. "sync", the machine's, has an edge only where it has one."""

BLOCK_RAM = {"ram_style": "block", "no_rw_check": 1}
"""Attributes of a memory for Yosys. It would make small ones of LUTs, and the ABC9 of YoWASP's 0.70
stops without a word at some of those. And a word that is read while it is written may be anything:
what keeps the old one costs as many flip-flops as the word has bits."""

"""The synthesizable body of the analog array: multipliers that take turns, memories of the FPGA."""

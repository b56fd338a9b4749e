"""Faults by machine: every system, every operation, every way to fail, and whether the stack comes through."""

"""Typed clients of the systems the program speaks to; they know nothing of Pulumi."""

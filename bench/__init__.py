"""Measurements of the whole: what is run, how often, and what it costs. `make bench` runs them all."""

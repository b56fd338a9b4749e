"""A short, seeded slice of the faults that `make chaos` tries."""

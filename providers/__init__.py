"""Dynamic providers: thin, stateless, one module per resource.

The paths of these modules and the names of their classes are part of every stack's state (a
provider is stored as a reference to its class): they never change. A test holds them.
"""

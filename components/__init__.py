"""Pulumi components: thin, one a file; they declare resources from settings and decide nothing."""

import providers  # noqa: F401 - first of all, so that the garbage collector passes over what is loaded

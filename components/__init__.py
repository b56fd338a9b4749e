"""Pulumi components: thin, one a file; they declare resources from settings and decide nothing."""

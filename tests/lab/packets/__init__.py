"""The packet filter with real packets, in network namespaces."""

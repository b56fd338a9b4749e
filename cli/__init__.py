"""The operator's commands: `wgvpn VERB`, thin over the pure core and over what the stack has made."""

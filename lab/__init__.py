"""The lab: a local rehearsal of a production site, with real containers and real tunnels."""

"""The server's scripts in a real container, with real peers: no Pulumi, no API."""

"""The pure core: what a WireGuard server is, in the data model's words. No Pulumi, no network, no files."""

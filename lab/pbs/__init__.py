"""A stand-in of the Proxmox Backup Server API whose snapshots are real files."""

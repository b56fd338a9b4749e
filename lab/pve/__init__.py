"""A stand-in of the Proxmox VE REST API that drives real containers."""

"""What the lab's Proxmox API stand-ins share: transport, parameters, permissions, tasks, state, faults."""

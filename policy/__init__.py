"""The policy pack: pure rules over resources, run by Pulumi at preview and by `python -m policy` over a state."""

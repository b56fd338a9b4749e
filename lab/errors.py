"""What can go wrong with the lab itself, as one tree of exceptions.

What a server of the lab refuses its client is no failure of the lab: those errors stand beside what raises them.
"""


class LabError(Exception):
    """Any failure of the lab, told in one plain sentence."""


class CommandError(LabError):
    """A command of the system failed; the message holds its last words."""


class ContainerError(LabError):
    """A container could not be made, changed, started, stopped, saved or removed."""


class PeerError(LabError):
    """A peer could not be connected from its client configuration."""

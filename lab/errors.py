"""Everything that can go wrong in the lab, as one tree of exceptions."""


class LabError(Exception):
    """Any failure of the lab, told in one plain sentence."""


class CommandError(LabError):
    """A command of the system failed; the message holds its last words."""


class ContainerError(LabError):
    """A container could not be made, changed, started, stopped, saved or removed."""


class PeerError(LabError):
    """A peer could not be connected from its client configuration."""

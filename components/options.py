"""Options that a component passes on to its resources."""

import pulumi


def child(component: pulumi.ComponentResource, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return the options of a component's resource: it waits for whatever the component waits for.

    Pulumi does not hand a component's `depends_on` down to what is inside. Where `--replace` is asked for, the old one
    ends first: both are of one name, and what it does at its end would be done to the new one.
    """
    own = waiting(component, opts)
    own.delete_before_replace = True
    return own


def waiting(component: pulumi.ComponentResource, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return the same for a resource whose end does nothing."""
    return pulumi.ResourceOptions(parent=component, depends_on=opts.depends_on if opts else None)

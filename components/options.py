"""Options that a component passes on to its resources."""

import pulumi


def child(component: pulumi.ComponentResource, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return the options of a component's resource: it waits for whatever the component waits for.

    Pulumi does not hand a component's `depends_on` down to what is inside.
    """
    return pulumi.ResourceOptions(parent=component, depends_on=opts.depends_on if opts else None)

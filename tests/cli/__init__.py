"""The operator's commands as a person calls them, over a stand-in of `pulumi` that remembers what it was told."""

"""One module per verb; `cli.app` loads the one that is called."""

"""The scripts that run on the server, with the machine's tools replaced by small stand-ins."""

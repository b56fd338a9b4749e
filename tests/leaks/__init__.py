"""The leak harness: every secret of a stack, searched for in everything a run leaves."""

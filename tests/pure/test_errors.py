"""Errors carry what a person or a caller needs, and say it in one way."""

from vpn.errors import ClientError, ConfigError, NotFound, ParseError, Problem, RemoteFailed


def test_problems_are_one_line_each() -> None:
    assert str(Problem("memory_mb", "1", "must be more")) == "memory_mb: 1: must be more"
    assert (
        str(Problem("private_key", None, "must be a key", "peers.yaml:3")) == "peers.yaml:3: private_key: must be a key"
    )


def test_config_errors_keep_their_problems() -> None:
    problems = [Problem("a", None, "x"), Problem("b", "1", "y")]
    error = ConfigError(iter(problems))
    assert error.problems == tuple(problems)
    assert str(error) == "the configuration has 2 problems:\n  - a: x\n  - b: 1: y"


def test_errors_of_systems_name_the_system() -> None:
    error = NotFound("NetBox", "no such site", 404)
    assert (str(error), error.system, error.status) == ("NetBox: no such site", "NetBox", 404)
    assert isinstance(error, ClientError)


def test_other_errors_keep_their_numbers() -> None:
    assert (str(ParseError("is odd", 3)), ParseError("is odd").line) == ("line 3: is odd", 0)
    assert RemoteFailed("apply failed", 4).status == 4

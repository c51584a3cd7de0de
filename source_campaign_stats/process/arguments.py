"""The arguments of the command line: four commands, and the files that they take."""

import argparse

_FILES = {
    "config": "the file with the settings",
    "catalog": "the file that says which streams are read",
    "state": "the file with the states of the sync before",
}
_COMMANDS = {
    "spec": ("prints which settings there are", (), ()),
    "check": ("tries each credential with one small request", ("config",), ()),
    "discover": ("prints the streams", ("config",), ()),
    "read": ("prints the records and states", ("config", "catalog"), ("state",)),
}


def parsed(arguments: list[str]) -> argparse.Namespace:
    """`command`, `debug`, and the paths of the files that the command takes; ends the process if they are wrong.

    Example: `["read", "--config", "c.json", "--catalog", "k.json"]` -> `command="read"`, `config="c.json"`,
    `catalog="k.json"`, `state=None`, `debug=False`.
    """
    parser = argparse.ArgumentParser(prog="source-campaign-stats")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, (does, required, optional) in _COMMANDS.items():
        options = commands.add_parser(command, help=does, description=f"{command} {does}.", allow_abbrev=False)
        options.add_argument("--debug", action="store_true", help="log more")
        for name in required + optional:
            options.add_argument(f"--{name}", required=name in required, metavar="FILE", help=_FILES[name])
    return parser.parse_args(arguments)

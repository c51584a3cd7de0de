"""The arguments of the command line: the commands, and the files that they take."""

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

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
# Commands that make a file from the output of another command.
_MAKERS = {
    "catalog": ("makes the file of `--catalog` from the output of `discover`: all streams", "discover"),
    "state": ("makes the file of `--state` from the output of `read`: the last state of each stream", "read"),
}


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """`command`, `debug`, and the paths of the files that the command takes; ends the process if they are wrong.

    Example: `["read", "--config", "c.json", "--catalog", "k.json"]` -> `command="read"`, `config="c.json"`,
    `catalog="k.json"`, `state=None`, `debug=False`.
    """
    parser = _Parser(prog="source-campaign-stats")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for command, (does, required, optional) in _COMMANDS.items():
        options = commands.add_parser(command, help=does, description=f"{command} {does}.", allow_abbrev=False)
        options.add_argument("--debug", action="store_true", help="log more")
        for name in required + optional:
            options.add_argument(
                f"--{name}", required=name in required, metavar="FILE", help=_FILES[name], action=_Once
            )
    for command, (does, printer) in _MAKERS.items():
        options = commands.add_parser(command, help=does, description=f"{command} {does}.", allow_abbrev=False)
        options.add_argument(
            "output", nargs="?", metavar="FILE", help=f"what `{printer}` printed; without it, standard input"
        )
    if arguments and not arguments[0].startswith("-") and arguments[0] not in {*_COMMANDS, *_MAKERS}:
        parser.error(f"There is no such command.{_meant(arguments[0], [*_COMMANDS, *_MAKERS])}")
    if arguments and arguments[0] in commands.choices:
        # Before missing options: often one is missing only because its name is misspelt.
        known = _options_of(commands.choices[arguments[0]])
        if wrong := [word for word in arguments[1:] if word.startswith("--") and word.partition("=")[0] not in known]:
            parser.error(_about(wrong, [option for option in known if option != "--help"]))
    wanted, left = parser.parse_known_args(arguments)
    if left:
        parser.error(_about(left, _options_of(commands.choices[wanted.command])))
    return wanted


class _Parser(argparse.ArgumentParser):
    """Reports errors without quoting what was typed: it can be a configuration, with its keys."""

    def error(self, message: str) -> NoReturn:
        if re.search("invalid|unrecognized|ambiguous|ignored", message):
            message = "There is an argument that this command does not take."
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}\n")


class _Once(argparse.Action):
    """An option that may stand once. Of two files, argparse would take the second without a word."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"The option {option_string} is given twice.")
        setattr(namespace, self.dest, values)


def _about(left: Sequence[str], known: Sequence[str]) -> str:
    """The message about arguments that are left over: names the first option, or counts them if there is none."""
    names = [found[0] for argument in left if (found := re.match(r"--?[a-z][a-z-]{0,30}(?==|$)", argument))]
    if not names:
        return f"There {'is 1 argument' if len(left) == 1 else f'are {len(left)} arguments'} too many."
    return f"This command has no option {names[0]}.{_meant(names[0], known)}"


def _meant(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f" Did you mean {near[0]}?"
    return f" There are: {', '.join(known)}." if known else ""


def _options_of(parser: argparse.ArgumentParser) -> list[str]:
    return sorted(set(re.findall(r"(?<![`-])--[a-z]+", parser.format_help())))

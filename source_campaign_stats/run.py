"""The command line: `source-campaign-stats spec | check | discover | read`, as Airbyte runs it."""

import json
import sys

from source_campaign_stats.process import host


def run(arguments: list[str] | None = None) -> None:
    """Runs the command of `sys.argv`, or of `arguments`; ends the process with a code other than 0 if it failed.

    `check` has not failed when a key is refused: that is its answer, and the code is 0.
    """
    # First of all: whoever presses Ctrl-C does not wait for an import.
    host.prepare()
    from source_campaign_stats.process import speed
    from source_campaign_stats.process.arguments import parsed
    from source_campaign_stats.process.inputs import inputs_of, made

    wanted = parsed(sys.argv[1:] if arguments is None else arguments)
    with host.told_in_words(wanted.command):
        if wanted.command == "spec":
            _print_spec()
            return
        if wanted.command in ("catalog", "state"):
            print(made(wanted.command, wanted.output))
            return
        inputs = inputs_of(wanted)
        speed.prepare()
        # After it: `prepare` makes the CDK's import shorter.
        from source_campaign_stats.process.commands import run_command

        run_command(wanted, inputs)


def _print_spec() -> None:
    """The message that the CDK makes of the manifest, without its import of a second."""
    from source_campaign_stats.settings.manifest import read_manifest

    specification = read_manifest()["spec"]["connection_specification"]
    message = {"type": "SPEC", "spec": {"connectionSpecification": specification}}
    # ASCII, whatever the machine's locale says.
    print(json.dumps(message))

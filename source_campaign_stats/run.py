"""The command line: `source-campaign-stats spec | check | discover | read`, as Airbyte runs it."""

import json
import sys

from source_campaign_stats.process import host


def run(arguments: list[str] | None = None) -> None:
    """Runs the command of `sys.argv`, or of `arguments`; ends the process with a code other than 0 if it failed.

    If a key is refused, that is the answer of `check` and no failure: the code is 0.
    """
    # First, so that Ctrl-C works during the imports.
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
        # Imported after `prepare`, which makes the import of the CDK faster.
        from source_campaign_stats.process.commands import run_command

        run_command(wanted, inputs)


def _print_spec() -> None:
    """Prints the message that the CDK would make, without importing the CDK, which takes a second."""
    from source_campaign_stats.settings.manifest import read_manifest

    specification = read_manifest()["spec"]["connection_specification"]
    message = {"type": "SPEC", "spec": {"connectionSpecification": specification}}
    # ASCII, whatever the machine's locale says.
    print(json.dumps(message))

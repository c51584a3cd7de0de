"""The command line: `source-campaign-stats spec | check | discover | read`, as Airbyte runs it."""

from source_campaign_stats.process import speed


def run(arguments: list[str] | None = None) -> None:
    """Runs one command; the process ends with a code other than 0 when it could not do all of it."""
    speed.prepare()
    # After it: the CDK's import is what `prepare` makes shorter.
    from source_campaign_stats.process.commands import run_command

    run_command(arguments)

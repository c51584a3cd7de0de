"""`python -m source_campaign_stats` does what the console script does."""

from source_campaign_stats.run import run

if __name__ == "__main__":
    run()

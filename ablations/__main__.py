"""``python -m ablations``."""

from ablations.cli import command

if __name__ == "__main__":
    command()

"""Write the tables of a page anew: ``python -m tightrope.sim.energy docs/energy.md``."""

import argparse
import sys
from pathlib import Path

from .document import fill
from .numbers import EnergyError


def main() -> int:
    """Exit status: 0, or 2 for a page that can't be read, written or filled."""
    parser = argparse.ArgumentParser(prog="python -m tightrope.sim.energy", description=__doc__)
    parser.add_argument("page", type=Path, help="Markdown with places for tables.")
    page = parser.parse_args().page
    try:
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, UnicodeDecodeError, EnergyError) as error:
        print(f"{page}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

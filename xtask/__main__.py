"""`python -m xtask`."""

import sys

from xtask.cli import main

if __name__ == "__main__":
    sys.exit(main())

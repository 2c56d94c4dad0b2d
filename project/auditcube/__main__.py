"""`python -m auditcube` is the command `auditcube`."""

import sys

from auditcube.cli import main

if __name__ == "__main__":
    sys.exit(main())

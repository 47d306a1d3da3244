"""`python -m cli` is `blindmatch`."""

import sys

from cli.main import main

sys.exit(main())

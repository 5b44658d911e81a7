"""``python -m trio_wsproxy``."""

import sys

from ._cli import main

sys.exit(main())

"""Puts `site`, where a third party's connector is installed, on the path: entry points and all."""

import sys
from pathlib import Path

SITE = Path(__file__).parent / "site"

if str(SITE) not in sys.path:
    sys.path.insert(0, str(SITE))

"""CEL, the language of conditions, without the terminal program that comes with it.

`import cel` of common-expression-language 0.10 loads that program for everybody (prompt_toolkit, typer, pygments): a second of every
start of worker and web. An empty module in its place keeps it out; this can go once `cel/__init__.py` no longer imports `cli`.
"""

import sys
from types import ModuleType

sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))

from cel import Program, compile  # noqa: A004, E402 - the library's own word; and only now

__all__ = ["Program", "compile"]

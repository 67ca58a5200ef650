"""The fake inference engine as a program: `python -m tests.fakes.engine`, or by path from anywhere."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # Run by path, Python knows this folder but not the package around it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    importlib.import_module("tests.fakes.server").main()

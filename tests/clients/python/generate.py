"""Generates the Python client into the folder `generated`, or into the one that is named."""

import sys
from pathlib import Path

from generated_client import generate

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "generated")
    folder.mkdir(parents=True, exist_ok=True)
    generate(folder)

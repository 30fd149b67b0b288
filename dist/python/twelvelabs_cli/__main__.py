"""`python -m twelvelabs_cli`: runs `tl` with the same arguments."""

import os
import sys

from ._program import find_program


def main() -> None:
    program = find_program("tl")
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()

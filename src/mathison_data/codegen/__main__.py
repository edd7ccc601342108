"""`python -m mathison_data.codegen [--check] [server URL]`: generate without the command line tool."""

import sys

from mathison_data.codegen import generate
from mathison_data.errors import MathisonDataError


def main(arguments: list[str]) -> int:
    """Generate, and return the exit code."""
    urls = [argument for argument in arguments if argument != "--check"]
    try:
        return generate(urls[0] if urls else None, check="--check" in arguments, say=print)
    except MathisonDataError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m mathison_data.codegen [--check] [server URL]`: generate without the command line tool."""

import sys

from mathison_data.codegen import generate

arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
sys.exit(generate(arguments[0] if arguments else None, check="--check" in sys.argv, say=lambda line: print(line)))

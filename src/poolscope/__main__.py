"""`python -m poolscope`: the same door as the command `poolscope`."""

from poolscope.cli import main

main()

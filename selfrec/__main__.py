"""`python -m selfrec` is the program `selfrec`."""

from selfrec.cli.main import main

main()

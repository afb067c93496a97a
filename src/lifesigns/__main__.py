"""`python -m lifesigns`."""

from lifesigns.cli import main

main()

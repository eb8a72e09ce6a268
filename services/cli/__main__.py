"""`python -m services.cli` is `warroom`."""

from services.cli import main

main()

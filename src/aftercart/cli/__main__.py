"""`python -m aftercart.cli`."""

from aftercart.cli import main

main()

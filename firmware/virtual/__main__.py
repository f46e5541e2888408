"""`python -m firmware.virtual`, as `make virtual` runs it."""

from firmware.virtual.play import main

main()

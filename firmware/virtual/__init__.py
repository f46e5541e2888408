"""The virtual kiosk: the device's own stack in a machine that QEMU emulates. `make virtual` builds it and boots it."""

"""The contract between the kiosk, the servers and the desk, written once. No hardware, no I/O, no clock."""

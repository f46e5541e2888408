"""Updates: a signed bundle with a whole system, for the slot that isn't running. `tree` is what a kiosk has of it."""

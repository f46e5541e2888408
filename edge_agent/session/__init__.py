"""What a person goes through at the kiosk: pure decisions, no camera, no disk, no clock of its own.

`flow.step(state, event)` gives the next state and what is to be done. docs/session.md shows it as a picture.
"""

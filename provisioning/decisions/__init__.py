"""What staff may do with a fleet: a state and an intention in, the next state out. No disk, no clock, no network."""

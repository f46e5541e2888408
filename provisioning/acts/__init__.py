"""What staff do with a fleet, whichever screen they do it from: each function here is one act, whole or not at all."""

"""What a central server runs: the intake that receives, the desk that opens."""

"""What the central side keeps: sealed bytes and their claims. `port` says what a store does; two do it."""

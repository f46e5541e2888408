"""What a central server runs (`intake`), what a caseworker runs (`desk`), and what both read (`store`, `trust`)."""

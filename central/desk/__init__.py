"""What a caseworker runs: it alone holds a key that opens a report."""

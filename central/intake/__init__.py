"""Receives sealed records, verifies and keeps them, and gives signed receipts. It holds no key that opens a report."""

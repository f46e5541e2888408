"""Pixels in, pixels out: faces found, one chosen and cut out, all others destroyed. Nobody is recognised here."""

"""The optional page on the kiosk's own display: one local browser watches, over loopback, and asks for nothing else.

`Screen` is a presenter. The session's thread leaves what is to be seen on a board and goes on; a thread of its own
serves the page from there. Nothing outside is loaded: the page is four files of ours, the fonts are the system's.
"""

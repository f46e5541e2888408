"""The optional page on the kiosk's own display: one local browser watches, over loopback, and asks for nothing else.

`Screen` is a presenter. The session's thread leaves what is to be seen on a board, tells a page that listens, and goes
on; a thread of its own serves all else. Nothing outside is loaded: the page is three files of ours, the fonts are the
system's.
"""

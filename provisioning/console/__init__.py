"""The staff's console: a web page for this computer alone, over the same acts as the command line."""

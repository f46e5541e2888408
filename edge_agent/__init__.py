"""The agent on a kiosk: consent, one face, a sealed report, and its way to the people who look for the child."""

__version__ = "0.1.0"

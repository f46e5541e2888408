"""The kiosk's real parts, and the simulated set. The only importer of picamera2 and gpiozero."""

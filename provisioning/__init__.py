"""What an NGO's staff run: a fleet's keys, certificates, broker settings and kiosks."""

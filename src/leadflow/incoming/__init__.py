"""What comes in on its way to the log: files, single arrivals, uploads, inlets and spend."""

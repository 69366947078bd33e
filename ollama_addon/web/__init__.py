"""What the world talks to: thin routes, no decisions."""

"""The development stack: simulated Supervisor, real Home Assistant, embedded engine."""

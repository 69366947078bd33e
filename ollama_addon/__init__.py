"""The sidecar: conversation agent, model manager, gateway and panel."""

__version__ = "0.1.0"

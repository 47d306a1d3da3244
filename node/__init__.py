"""The service: one node for one organisation. `node.app` runs it; README.md tells the life of a round."""

__all__ = ["__version__"]

__version__ = "0.2.0"

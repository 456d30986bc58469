"""The terminal dashboard for HOPX sandboxes. Importing the package loads nothing else."""

__version__ = "0.1.0"

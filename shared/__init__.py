"""What both programs use today, and nothing else."""

__version__ = "0.1.0"

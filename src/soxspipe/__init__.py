"""Reduction of SOXS stare-mode spectroscopy, from raw exposure to flux-calibrated spectrum."""

__all__ = ["__version__"]

__version__ = "0.1.0"

"""The spectral network for inference, in NumPy: layers, search, network, sessions. Imports no torch."""

from sscodec.runtime.sessions import Runtime

__all__ = ["Runtime"]

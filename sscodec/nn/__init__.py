"""The network: causal layers, SoundStream, the residual vector quantizer, streaming sessions."""

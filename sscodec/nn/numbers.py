"""What the torch networks and the runtime without torch both go by."""

LOOK_AHEAD = 4
"""Codebooks that are searched together."""
PATHS = 4
"""Choices that the search keeps on its way through them. With 8, it takes twice as long for little."""

COMPRESSION = 0.5
"""Power to which the encoder hears magnitudes."""
SPECTRUM_SCALE = 20.0
"""Factor on the compressed spectrum that the encoder hears."""
LEVEL_SCALE = 0.24
LEVEL_SHIFT = 0.8
"""What the logarithm of a magnitude is multiplied by, and then raised by.

Levels of neighbouring bins rise and fall together. Were they as large as the spectrum, embeddings would hold
little else, and the waveform would be found late or never.
"""
FLOOR = 5.6e-5
"""Magnitude of a bin that counts as silence. White noise of deviation s has magnitudes near s."""
MAX_LOG_GAIN = 6.0
"""Of a bin of the output, natural logarithm: what no sound needs must not overflow either."""
RISE = 0.1
"""Part of a hop in which the first window of all rises."""
DECODER_TAPS = 3
"""Frames that the first layer of the decoder sees."""
VARIANCE_FLOOR = 1e-5
"""Added to the variance of a frame's channels before they are normalised by it."""

"""Training of SoundStream models: data, losses, discriminators, the loop, export."""

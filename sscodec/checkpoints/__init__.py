"""Checkpoints of other implementations, made into model folders: `sscodec models add`."""

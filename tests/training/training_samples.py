"""A recipe of a network so small that it learns in seconds."""

TINY = """
crop = 0.2
batch = 4
quantizer_start = 20
kmeans_frames = 200
dead_count = 0.01
lr_warmup = 5
windows = [64, 256]
wave_windows = [256]
mels = 16
bf16 = false
{extra}
[kinds]
speech = 1.0
[model]
name = "tiny"
sample_rate = 8000
strides = [4, 5]
c_enc = 4
c_dec = 6
dim = 8
n_q = {n_q}
codebook_size = {size}
"""
ADVERSARIAL = """
adversarial_start = 0.5
stft_windows = [256]
stft_channels = 2
discriminator_warmup = 5
adversarial_ramp = 5
"""


def write_recipe(folder, extra="steps = 40", n_q=4, size=16, name="recipe"):
    path = folder / f"{name}.toml"
    path.write_text(TINY.format(extra=extra, n_q=n_q, size=size))
    return path

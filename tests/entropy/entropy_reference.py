"""Decoders of coders 1 and 2 made from docs/format.md alone, in plain Python integers: slow and simple."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence

TOTAL = 2**24
WORD = 2**32
STATE = 2**64


class Damaged(Exception):
    pass


class RangeDecoder:
    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.position = 8  # bytes read so far
        self.lower, self.range = 0, STATE - 1
        self.point = int.from_bytes(payload[:8].ljust(8, b"\0"), "big")
        self.low = 0  # the lower end of the interval as one long number, of 8 * position bits

    def decode(self, weights: Sequence[int]) -> int:
        assert min(weights) >= 0 and sum(weights) == TOTAL - len(weights)
        scale = self.range >> 24
        quantile = (self.point - self.lower) % STATE // scale
        if quantile >= TOTAL:
            raise Damaged
        symbol = cumulative = 0
        while quantile >= cumulative + weights[symbol] + 1:
            cumulative += weights[symbol] + 1
            symbol += 1
        self.lower = (self.lower + scale * cumulative) % STATE
        self.low += scale * cumulative
        self.range = scale * (weights[symbol] + 1)
        if self.range < WORD:
            word = int.from_bytes(self.payload[self.position : self.position + 4].ljust(4, b"\0"), "big")
            self.position += 4
            self.lower = self.lower * WORD % STATE
            self.low *= WORD
            self.range *= WORD
            self.point = self.point * WORD % STATE + word
        return symbol

    def shortest(self) -> bytes:
        """The payload that an encoder must write for the symbols decoded so far."""
        for size in range(self.position + 1):
            unit = 256 ** (self.position - size)
            number = -(-self.low // unit)
            if number * unit < self.low + self.range:
                return number.to_bytes(size, "big")
        raise AssertionError


def weights_of(scores: Sequence[int]) -> list[int]:
    total, best = TOTAL - len(scores), max(scores)
    powers = [root64(2 ** (1280 - (best - score))) if best - score <= 1280 else 0 for score in scores]
    reciprocal = total * 2**30 // sum(powers)
    weights = [power * reciprocal // 2**30 for power in powers]
    weights[list(scores).index(best)] += total - sum(weights)
    return weights


def root64(number: int) -> int:
    for _ in range(6):
        number = math.isqrt(number)
    return number


def numbers_of(decoder: RangeDecoder, n_q: int, frames: int) -> list[int]:
    """Of version 2: how many codebooks each frame has."""
    numbers: list[int] = []
    for _ in range(frames):
        scores = [0] * n_q
        for i in range(n_q) if numbers else ():
            apart = abs(i + 1 - numbers[-1])
            scores[i] = -(256 + 96 * (apart - 1)) if apart else 0
        numbers.append(1 + decoder.decode(weights_of(scores)) if n_q > 1 else 1)
    return numbers


def decode_static(tensors: dict, payload: bytes, channels: int, n_q: int, frames: int, varying=False):
    """Codes as lists [channels][n_q][frames], -1 for none, and the payload that must stand for them."""
    decoder = RangeDecoder(payload)
    numbers = numbers_of(decoder, n_q, frames) if varying else [n_q] * frames
    codes = empty(channels, n_q, frames)
    for k in range(n_q):
        for frame in range(frames):
            for channel in range(channels):
                if k < numbers[frame]:
                    codes[channel][k][frame] = decoder.decode(tensors["static"][k])
    return codes, decoder.shortest()


def decode_context(tensors: dict, payload: bytes, channels: int, n_q: int, frames: int, varying=False):
    """As `decode_static`."""
    decoder = RangeDecoder(payload)
    numbers = numbers_of(decoder, n_q, frames) if varying else [n_q] * frames
    codes = empty(channels, n_q, frames)
    outputs = [[] for _ in range(channels)]  # [channel][frame][layer]: x_0 to x_4
    for frame in range(frames):
        sums = [[0] * len(tensors["embed"][0][0]) for _ in range(channels)]
        for k in range(numbers[frame]):
            for channel in range(channels):
                known = outputs[channel][-1][-1] if frame else [0] * len(tensors["frame_bias"])
                weights = weights_of(scores_of(tensors, k, known, sums[channel]))
                code = codes[channel][k][frame] = decoder.decode(weights)
                sums[channel] = add(sums[channel], tensors["embed"][k][code])
        for channel in range(channels):
            outputs[channel].append(remember(tensors, outputs[channel], sums[channel]))
    return codes, decoder.shortest()


def scores_of(t: dict, k: int, known: list[int], sums: list[int]) -> list[int]:
    hidden = add(product(t["past_weight"][k], known), product(t["part_weight"][k], clip(sums)))
    hidden = activate(add(hidden, t["head_bias"][k]))
    return [x // 2**6 for x in add(product(t["score_weight"][k], hidden), t["score_bias"][k])]


def remember(t: dict, before: list, sums: list[int]) -> list[list[int]]:
    x = activate(add(product(t["frame_weight"], clip(sums)), t["frame_bias"]))
    layers = [x]
    for layer in range(4):
        past = before[-(2**layer)][layer] if len(before) >= 2**layer else [0] * len(x)
        mixed = add(product(t["layer_weight"][layer], x + past), t["layer_bias"][layer])
        x = activate(add([128 * each for each in x], mixed))
        layers.append(x)
    return layers


def product(matrix: list[list[int]], x: list[int]) -> list[int]:
    return [sum(weight * each for weight, each in zip(row, x, strict=True)) for row in matrix]


def add(x: list[int], y: list[int]) -> list[int]:
    return [a + b for a, b in zip(x, y, strict=True)]


def activate(x: list[int]) -> list[int]:
    return [min(max(each // 2**7, 0), 127) for each in x]


def clip(x: list[int]) -> list[int]:
    return [min(max(each, -1023), 1023) for each in x]


def empty(channels: int, n_q: int, frames: int) -> list:
    return [[[-1] * frames for _ in range(n_q)] for _ in range(channels)]


def read_tensors(data: bytes) -> dict:
    """The tensors of a safetensors file as nested lists."""
    size = int.from_bytes(data[:8], "little")
    found = {}
    for name, about in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            start, stop = (8 + size + offset for offset in about["data_offsets"])
            kind = {"I8": "b", "U8": "B", "I32": "i"}[about["dtype"]]
            count = math.prod(about["shape"])
            numbers = list(struct.unpack(f"<{count}{kind}", data[start:stop]))
            found[name] = nested(numbers, about["shape"])
    return found


def nested(numbers: list[int], shape: list[int]) -> list:
    if len(shape) == 1:
        return numbers
    step = len(numbers) // shape[0]
    return [nested(numbers[at : at + step], shape[1:]) for at in range(0, len(numbers), step)]

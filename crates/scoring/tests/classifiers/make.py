#!/usr/bin/env python3
"""Makes the tiny classifiers of this folder, with random weights, and what the reference implementation says of a few texts.

usage: make.py        (needs torch, transformers and tokenizers)

Each has another network, another number of classes and another kind of tokeniser. The texts are ours.
"""

import json
import os

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

TEXTS = [
    "the new release is great",
    "my order has not arrived yet, and nobody answers",
    "ok",
    "how do i reset my password? the link in the mail is broken for me and for two others here",
    "la nueva version funciona muy bien",
    "die app stürzt seit gestern dauernd ab 😡",
]
HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=160, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]")


def bytes_():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


def pieces():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


def labels(names):
    return {"id2label": dict(enumerate(names)), "label2id": {name: at for at, name in enumerate(names)}}


def bert(tokenizer):
    names = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **SIZES, **labels(names))
    return BertForSequenceClassification(config)


def distilbert(tokenizer):
    sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    names = ["NEGATIVE", "POSITIVE"]
    config = DistilBertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **sizes, **labels(names))
    return DistilBertForSequenceClassification(config)


def roberta(tokenizer):
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    names = ["LABEL_0", "LABEL_1", "LABEL_2"]
    config = RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=66, **ids, **SIZES, **labels(names))
    return RobertaForSequenceClassification(config)


def xlm_roberta(tokenizer):
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    names = ["positive", "neutral", "negative"]
    config = XLMRobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=66, **ids, **SIZES, **labels(names))
    return XLMRobertaForSequenceClassification(config)


NOTES = {
    "bert": {"languages": ["en", "es", "de"]},
    "distilbert": {"languages": ["en"]},
    "roberta": {"languages": ["en"], "labels": {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}},
    "xlm-roberta": {"languages": ["en", "es", "de"]},
}


def write(name, tokenizer, model):
    folder = f"{HERE}/{name}"
    # Larger than training begins with: else every text gets nearly the same answer, and a wrong one would pass.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.eval().save_pretrained(folder, safe_serialization=True)
    tokenizer.backend_tokenizer.save(f"{folder}/tokenizer.json")
    json.dump(NOTES[name], open(f"{folder}/grapevine.json", "w"))
    with torch.inference_mode():
        rows = [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in TEXTS]
    reference = [{"text": text, "outputs": row} for text, row in zip(TEXTS, rows)]
    json.dump(reference, open(f"{folder}/reference.json", "w"), indent=1, ensure_ascii=False)


for seed, (name, tokenizer, make) in enumerate(
    [("bert", wordpiece(), bert), ("distilbert", wordpiece(), distilbert), ("roberta", bytes_(), roberta), ("xlm-roberta", pieces(), xlm_roberta)]
):
    torch.manual_seed(seed)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    write(name, tokenizer, make(tokenizer))

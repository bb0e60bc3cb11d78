"""The network: a BERT encoder, the mean over the tokens, and a linear head for each question."""

import html
import re

from torch import nn
from transformers import BertModel

SENTIMENT = ["negative", "neutral", "positive"]
HEADS = {
    "emotion": ["anger", "joy", "optimism", "sadness"],
    "irony": ["irony", "non_irony"],
    "hostile": ["not-offensive", "offensive"],
    "intent": ["question", "complaint", "suggestion", "praise", "purchase", "none"],
}
MAX_TOKENS = 64


def normalise(text):
    """The text preparation `social@1`, the same as `crates/scoring/src/text.rs`."""
    text = re.sub(r"(?<!\w)@\w+", "@user", html.unescape(text))
    text = re.sub(r"https?://\S+|www\.\S+", "http", text)
    return re.sub(r"\s+", " ", text).strip()


class Net(nn.Module):
    """`b.*` encoder, `h.*` sentiment, `heads.NAME.*` the other questions, `e.*` the embedding."""

    def __init__(self, base):
        super().__init__()
        self.b = BertModel.from_pretrained(base, add_pooling_layer=False, attn_implementation="sdpa")
        self.d = nn.Dropout(0.1)
        width = self.b.config.hidden_size
        self.h = nn.Linear(width, len(SENTIMENT))
        self.heads = nn.ModuleDict({name: nn.Linear(width, len(labels)) for name, labels in HEADS.items()})
        self.e = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.e.weight)

    def head(self, name):
        return self.h if name == "h" else self.heads[name]

    def pool(self, ids, mask):
        """Mean over the tokens, [batch, width]."""
        return mean(self.b(input_ids=ids, attention_mask=mask).last_hidden_state, mask)


def mean(hidden, mask):
    weight = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1)

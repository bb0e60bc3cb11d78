"""The checkpoint in fp32 beside what was exported: how far the outputs are apart, and a reference for tests."""

import json

import numpy as np
import torch
from transformers import BertConfig, BertModel

from export_measure import Model, SETS, padded
from net import normalise

# Own sentences. The engines of Grapevine are held to what the checkpoint says of them in fp32.
SENTENCES = [
    "The new update is great, thank you for listening!",
    "my order has not arrived yet and nobody answers @support",
    "How do I change my password?",
    "Oh great, another outage. Exactly what my Monday needed.",
    "The export is broken: open a board, press export, and the file is empty.",
    "you are all useless idiots",
    "The shop opens at nine on Saturdays https://shop.example/hours",
    "La app se cierra cada vez que la abro, qué decepción",
    "Adorei o novo modelo, recomendo muito!",
    "Le service client est vraiment excellent, merci",
    "Seit dem Update stürzt die App ständig ab",
    "Il pacco è arrivato ieri, tutto a posto",
    "الخدمة ممتازة وشكرا لكم",
    "😍😍 wow",
    "not bad, not great",
    "I am about to buy two of these for the office",
]


class Reference:
    """The checkpoint, as it was trained."""

    def __init__(self, config, plain):
        self.encoder = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
        tensors = {name[2:]: torch.tensor(value) for name, value in plain["tensors"].items() if name.startswith("b.")}
        kind = "embeddings.token_type_embeddings.weight"
        tensors[kind] = torch.zeros_like(tensors[kind])  # it is part of the positions
        self.encoder.load_state_dict(tensors)
        self.heads = {name: (torch.tensor(weight), torch.tensor(bias)) for name, weight, bias in plain["heads"]}

    @torch.inference_mode()
    def read(self, ids):
        """Outputs by name, of rows of token ids."""
        batch = {name: torch.tensor(value) for name, value in padded(ids).items()}
        hidden = self.encoder(**batch).last_hidden_state
        weight = batch["attention_mask"].unsqueeze(-1).float()
        pooled = (hidden * weight).sum(1) / weight.sum(1)
        return {name: (pooled @ weight.T + bias).numpy() for name, (weight, bias) in self.heads.items()}


def check(args, config, plain):
    model, reference = Model(args.out, args.max_tokens), Reference(config, plain)

    def both(texts):
        ids = [encoding.ids for encoding in model.tokeniser.encode_batch([normalise(text) for text in texts])]
        return [reference.read(ids[at : at + 16]) for at in range(0, len(ids), 16)], model.read(texts)

    parts, _ = both(SENTENCES)
    told = [{"text": text} for text in SENTENCES]
    for name in reference.heads:
        for one, row in zip(told, np.concatenate([part[name] for part in parts])):
            one[name] = [round(float(value), 4) for value in row]
    (args.out / "reference.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    for _, folder, name, head in SETS:
        path = args.data / folder / "val.jsonl"
        if head == "sentiment" and path.exists():
            texts = [json.loads(line)["text"] for line in path.open(encoding="utf8")][:64]
            parts, int8 = both(texts)
            compare(name, np.concatenate([part[head] for part in parts]), int8[head])


def compare(name, fp32, int8):
    apart = np.abs(fp32 - int8)
    same = 100 * (fp32.argmax(1) == int8.argmax(1)).mean()
    print(f"fp32 to int8, {name}: n {len(fp32)}, mean {apart.mean():.3f}, largest {apart.max():.3f}, same class {same:.1f} %")

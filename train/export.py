"""Makes the model folder that Grapevine reads out of a checkpoint, and measures it.

    python train/export.py CHECKPOINT BASE OUT --name NAME --version 1 --data FOLDER

CHECKPOINT holds the encoder under `b.`, the sentiment head under `h.`, the others under `heads.NAME.` and the embedding's
projection under `e.`. BASE has `config.json` and `tokenizer.json`. OUT gets

| file | holds |
|---|---|
| `model.safetensors` | all weights, once: matrices in int8 with a scale for each output, the rest in fp32. rust-bert reads it |
| `model.onnx` | the graph alone, a few kB: its weights are ranges of `model.safetensors` |
| `tokenizer.json`, `config.json` | as they came |
| `manifest.json` | hashes, heads, temperatures, accuracy and confusion by language, measured here on the validation splits |
| `reference.json` | what the checkpoint says in fp32 of sentences that were written for it; tests hold the engines to it |

Temperatures are fitted on one half of a validation split, calibration errors told of the other.
"""

import argparse
import json
import shutil
from pathlib import Path

import export_check as check
import export_graph as graph
import export_measure as measure
import export_weights as weights
from net import MAX_TOKENS


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="1")
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets: NAME/val.jsonl")
    parser.add_argument("--heads", default="irony,hostile,intent", help="which of the checkpoint's heads are exported")
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS)
    parser.add_argument("--least", type=float, default=50.0, help="macro-recall below which a language is not covered")
    parser.add_argument("--description", default="Sentiment, irony, hostility, intent and an embedding of short posts.")
    parser.add_argument("--licence", default="Apache-2.0 (encoder: multilingual-e5-small, MIT)")
    parser.add_argument("--provenance", default="Trained by this project; see train/.")
    parser.add_argument("--limit", type=int, help="texts of each set, for a quick look; the manifest is then no measurement")
    return parser.parse_args()


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    config = json.loads((args.base / "config.json").read_text())
    config["max_position_embeddings"] = args.max_tokens
    config.setdefault("initializer_range", 0.02)  # rust-bert wants it, and starts from no random weights
    (args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copyfile(args.base / "tokenizer.json", args.out / "tokenizer.json")
    plain = weights.load(args.checkpoint, config, [name for name in args.heads.split(",") if name])
    places = weights.write(args.out / "model.safetensors", weights.quantised(plain, config))
    graph.write(args.out / "model.onnx", config, places, plain)
    check.check(args, config, plain)
    manifest = measure.manifest(args, plain)
    (args.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    for one in manifest["accuracy"]:
        print("{engine:16} {set:40} n {n:5} macro-recall {macro_recall}".format(**one))


if __name__ == "__main__":
    main()

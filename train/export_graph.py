"""The network as an ONNX graph whose weights lie in `model.safetensors`.

It is written with ONNX Runtime's own operators (`com.microsoft`), which quantise the activations as they come and multiply
in int8: what its optimiser would have to find in a graph of small steps stands there at once.
"""

import onnx
from onnx import TensorProto, helper

from export_weights import EMBEDDINGS, LAYER

TYPES = {"I8": TensorProto.INT8, "F32": TensorProto.FLOAT}
OWN = "com.microsoft"


class Graph:
    def __init__(self, places):
        self.places, self.nodes, self.initializers = places, [], {}

    def weight(self, name):
        """A range of the file of weights."""
        if name not in self.initializers:
            dtype, shape, offset, length = self.places[name]
            tensor = TensorProto(name=name, data_type=TYPES[dtype], dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", "model.safetensors"), ("offset", offset), ("length", length)):
                tensor.external_data.add(key=key, value=str(value))
            self.initializers[name] = tensor
        return name

    def constant(self, name, kind, values):
        self.initializers[name] = helper.make_tensor(name, kind, [len(values)], values)
        return name

    def add(self, op, inputs, output, domain="", **attributes):
        outputs = output if isinstance(output, list) else [output]
        self.nodes.append(helper.make_node(op, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def dense(self, x, name, output, bias=True):
        inputs = [x, self.weight(f"{name}.weight_t"), self.weight(f"{name}.scale")]
        inputs += ["", self.weight(f"{name}.bias")] if bias else []
        return self.add("DynamicQuantizeMatMul", inputs, output, OWN)

    def dense_by_token(self, x, name, output):
        """Without bias; of what comes out of GELU, so nothing is below -0.17. Of a few tokens the largest number is many times
        that of the others, which one step for the whole batch would round away: each token is divided by its own largest, and
        multiplied by it again behind. It costs 6 % of the speed, and halves the distance from fp32."""
        largest = self.add("ReduceMax", [x], f"{output}.most", axes=[2])
        largest = self.add("Max", [largest, self.constant("least", TensorProto.FLOAT, [0.2])], f"{output}.largest")
        even = self.add("Div", [x, largest], f"{output}.even")
        return self.add("Mul", [self.dense(even, name, f"{output}.product", bias=False), largest], output)


def embeddings(graph, eps):
    def gathered(table, positions, output):
        rows = graph.add("Gather", [graph.weight(f"{EMBEDDINGS}{table}.weight"), positions], f"{output}.int8")
        scale = graph.add("Gather", [graph.weight(f"{EMBEDDINGS}{table}.scale"), positions], f"{output}.scale")
        return graph.add("Mul", [graph.add("Cast", [rows], f"{output}.cast", to=TensorProto.FLOAT), scale], output)

    words = gathered("word_embeddings", "input_ids", "words")
    width = graph.add("Shape", ["input_ids"], "width", start=1, end=2)
    zero, one = (graph.constant(name, TensorProto.INT64, [n]) for name, n in (("zero", 0), ("one", 1)))
    scalar = graph.add("Squeeze", [width], "width.scalar")
    starts = [graph.add("Squeeze", [name], f"{name}.scalar") for name in (zero, one)]
    places = graph.add("Range", [starts[0], scalar, starts[1]], "places")
    summed = graph.add("Add", [words, gathered("position_embeddings", places, "positions")], "embedded")
    norm = [graph.weight(f"{EMBEDDINGS}LayerNorm.{part}") for part in ("weight", "bias")]
    return graph.add("LayerNormalization", [summed, *norm], "layer.0.in", epsilon=eps)


def attention(graph, x, at, n, heads):
    """`QAttention`: its input is quantised once for query, key and value."""
    whole = [f"layer.{n}.{part}" for part in ("quantised", "step", "zero")]
    graph.add("DynamicQuantizeLinear", [x], whole)
    weight, scale, bias = (graph.weight(f"{at}attention.self.qkv.{part}") for part in ("weight_t", "scale", "bias"))
    inputs = [whole[0], weight, bias, whole[1], scale, "mask.int32", whole[2]]
    return graph.add("QAttention", inputs, f"layer.{n}.attended", OWN, num_heads=heads)


def layer(graph, x, n, config):
    at, eps = LAYER.format(n), config["layer_norm_eps"]

    def joined(y, part, output, bias=()):
        norm = [graph.weight(f"{at}{part}.LayerNorm.{what}") for what in ("weight", "bias")]
        return graph.add("SkipLayerNormalization", [y, x, *norm, *bias], output, OWN, epsilon=eps)

    attended = attention(graph, x, at, n, config["num_attention_heads"])
    x = joined(graph.dense(attended, at + "attention.output.dense", f"layer.{n}.out"), "attention.output", f"layer.{n}.mid")
    wide = graph.dense(x, at + "intermediate.dense", f"layer.{n}.wide")
    wide = graph.add("Gelu", [wide], f"layer.{n}.gelu", OWN)
    narrow = graph.dense_by_token(wide, at + "output.dense", f"layer.{n}.narrow")
    return joined(narrow, "output", f"layer.{n + 1}.in", [graph.weight(f"{at}output.dense.bias")])


def pooled(graph, x):
    """The mean over the tokens."""
    two, one = (graph.constant(f"axis.{n}", TensorProto.INT64, [n]) for n in (2, 1))
    mask = graph.add("Unsqueeze", [graph.add("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT), two], "mask.wide")
    total = graph.add("ReduceSum", [graph.add("Mul", [x, mask], "masked"), one], "total", keepdims=0)
    return graph.add("Div", [total, graph.add("ReduceSum", [mask, one], "tokens", keepdims=0)], "pooled")


def tops(graph, mean, plain):
    outputs = []
    for name, weight, _ in plain["heads"]:
        head = [graph.weight(f"heads.{name}.{part}") for part in ("weight", "bias")]
        graph.add("Gemm", [mean, *head], name, transB=1)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", weight.shape[0]]))
    if plain["embedding"] is not None:
        graph.add("Gemm", [mean, graph.weight("e.weight")], "embedding", transB=1)
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["rows", plain["embedding"].shape[0]]))
    return outputs


def write(path, config, places, plain):
    graph = Graph(places)
    graph.add("Cast", ["attention_mask"], "mask.int32", to=TensorProto.INT32)
    x = embeddings(graph, config["layer_norm_eps"])
    for n in range(config["num_hidden_layers"]):
        x = layer(graph, x, n, config)
    outputs = tops(graph, pooled(graph, x), plain)
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "width"]) for name in ("input_ids", "attention_mask")]
    made = helper.make_graph(graph.nodes, "encoder", inputs, outputs, initializer=list(graph.initializers.values()))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OWN, 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8, producer_name="grapevine")
    onnx.save(model, path)

"""Models of random weights with the shapes of known ones, made on the spot.

What they say is scripted (see `bench/scribe.py`); what it costs to read a prompt and to write
tokens is what it costs people. They write in whole words, as models do that have learnt to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter

from dev.engine.store import Store
from dev.stack import ROOT

MODELS = ROOT / ".dev" / "models"
"""The embedded engine's folder."""
TOKENIZER = "smollm2:135m"
"""The model whose vocabulary and chat template they all have."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of a model."""

    like: str
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    """Numbers in a head's key."""


SHAPES = {
    "135m": Shape("SmolLM2 135M", 30, 576, 1536, 9, 3, 64),
    "1b": Shape("Llama 3.2 1B", 16, 2048, 8192, 32, 8, 64),
    "4b": Shape("Qwen3 4B", 36, 2560, 9728, 32, 8, 128),
}
_BLOCK = 32
"""Weights in a block. In Q4_0 it has a scale of two bytes and sixteen bytes of nibbles, in Q8_0
the scale and a byte for each."""
_STEP = 0.004
"""Scale of all blocks that say nothing."""


def make(name: str) -> str:
    """Make the model of that shape where the embedded engine finds it; return its name.

    The engine must have TOKENIZER.
    """
    store = Store(MODELS)
    small = store.find(TOKENIZER)
    file = MODELS / f"shape-{name}.gguf"
    if not file.exists():
        _write(SHAPES[name], Path(small.weights), file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    blob = MODELS / "blobs" / f"sha256-{digest}"
    if not blob.exists():
        blob.hardlink_to(file)
    manifest = json.loads(json.dumps(small.manifest))
    manifest["layers"][0] |= {"digest": f"sha256:{digest}", "size": file.stat().st_size}
    where = MODELS / "manifests" / "registry.ollama.ai" / "library" / "shape" / name
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(json.dumps(manifest))
    return f"shape:{name}"


def _write(shape: Shape, tokenizer: Path, file: Path) -> None:
    """Write random weights of this shape, with the tokenizer of another model."""
    known = GGUFReader(tokenizer)
    writer = GGUFWriter(file, "llama")
    writer.add_name("shape")
    for name, field in known.fields.items():
        if name.startswith("tokenizer."):
            kind = field.types[0]
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), kind, inner)
    pieces = known.fields["tokenizer.ggml.tokens"].contents()
    writer.add_vocab_size(len(pieces))
    writer.add_block_count(shape.layers)
    writer.add_context_length(131_072)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_dimension_count(shape.head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000.0)
    writer.add_file_type(2)  # mostly Q4_0
    random = np.random.default_rng(0)
    keys, heads = shape.kv_heads * shape.head, shape.heads * shape.head

    def matrix(name: str, rows: int, columns: int) -> None:
        blocks = _noise(random, rows, columns)
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            blocks[0, :, :2] = 0  # what `_lengths` goes by stays as it is
        _add(writer, name, blocks, GGMLQuantizationType.Q4_0)

    def norm(name: str) -> None:
        writer.add_tensor(name, np.ones(shape.width, dtype=np.float32))

    tokens = _noise(random, len(pieces), shape.width)
    tokens[:, 0] = [*_scale(1.0), 0x8F, *[0x88] * 15]  # seven, and nothing else
    _add(writer, "token_embd.weight", tokens, GGMLQuantizationType.Q4_0)
    _add(writer, "output.weight", _lengths(random, pieces, shape.width), GGMLQuantizationType.Q8_0)
    norm("output_norm.weight")
    for layer in range(shape.layers):
        at = f"blk.{layer}"
        norm(f"{at}.attn_norm.weight")
        norm(f"{at}.ffn_norm.weight")
        matrix(f"{at}.attn_q.weight", heads, shape.width)
        matrix(f"{at}.attn_k.weight", keys, shape.width)
        matrix(f"{at}.attn_v.weight", keys, shape.width)
        matrix(f"{at}.attn_output.weight", shape.width, heads)
        matrix(f"{at}.ffn_gate.weight", shape.inner, shape.width)
        matrix(f"{at}.ffn_up.weight", shape.inner, shape.width)
        matrix(f"{at}.ffn_down.weight", shape.width, shape.inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _noise(random: np.random.Generator, rows: int, columns: int) -> np.ndarray[Any, Any]:
    """Return random blocks of Q4_0, as often above as below nothing: else it would add up."""
    halves = random.integers(1, 16, (2, rows, columns // _BLOCK, 18), dtype=np.uint8)
    blocks: np.ndarray[Any, Any] = halves[0] | halves[1] << 4
    blocks[..., :2] = _scale(_STEP)
    return blocks


def _lengths(
    random: np.random.Generator, pieces: Sequence[str], width: int
) -> np.ndarray[Any, Any]:
    """Return an output matrix in Q8_0 that likes long tokens best.

    Of what a form allows, random weights would take splinters; a model that has learnt to write
    takes whole words. Every token's first number is seven and nothing changes it, so its weight
    here counts for or against a token.
    """
    blocks = random.integers(0, 256, (len(pieces), width // _BLOCK, 34), dtype=np.uint8)
    blocks[..., :2] = _scale(2e-5)
    blocks[:, 0] = 0
    blocks[:, 0, :2] = _scale(0.1)
    # In this vocabulary Ġ stands for a space, and Ċ and ĉ for what no form needs.
    seen = [0 if {"Ċ", "ĉ"} & {*piece} else len(piece.replace("Ġ", "")) for piece in pieces]
    blocks[:, 0, 2] = np.minimum(np.array(seen) * 5, 127)
    return blocks


def _scale(value: float) -> np.ndarray[Any, Any]:
    return np.frombuffer(np.float16(value).tobytes(), dtype=np.uint8)


def _add(
    writer: GGUFWriter, name: str, blocks: np.ndarray[Any, Any], kind: GGMLQuantizationType
) -> None:
    writer.add_tensor(name, blocks.reshape(len(blocks), -1), raw_dtype=kind)

"""The same as `bench.turn`, with a model of the size that people use: random weights.

A GGUF file with the shape of Llama 3.2 1B and SmolLM2's tokenizer is made on the spot. What it
says is scripted anyway; what it costs to read a prompt and to write tokens is what it costs
people.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter

from bench.figures import Figure, at_most
from bench.scribe import scribe
from bench.turn import SIDES, Said, Side, as_json, exposed, lights_of, talk
from dev.engine.store import Store
from dev.stack import ROOT

MODEL = "shape:1b"
_HOME = "family_40"
_LAYERS, _WIDTH, _INNER, _HEADS, _KV_HEADS = 16, 2048, 8192, 32, 8
_TURNS = 4
_BLOCK, _BLOCK_BYTES = 32, 18
"""Weights and bytes of a block in Q4_0: a scale of two bytes and sixteen bytes of nibbles."""
_MODELS = ROOT / ".dev" / "models"


async def run(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    """Measure; return the figures and the raw numbers."""
    async with scribe(_MODELS) as it:
        await it.pull("smollm2:135m")
    await asyncio.to_thread(_make)
    os.environ["OLLAMA_ADDON_MODEL"] = MODEL
    path = ROOT / "eval" / "homes" / f"{_HOME}.yaml"
    lights = lights_of(path)
    rows: dict[str, dict[Side, list[Said]]] = {
        kind: {side: [] for side in SIDES} for kind in ("cold", "warm")
    }
    try:
        async with talk() as (both, model):
            await both.move_in(path, exposed(path))
            for side in SIDES:
                await both.forget(model)
                rows["cold"][side].append(await both.say(side, lights[0], on=True))
                for number in range(2 if quick else _TURNS):
                    said = await both.say(side, lights[number % 3], on=number % 2 == 0)
                    rows["warm"][side].append(said)
    finally:
        del os.environ["OLLAMA_ADDON_MODEL"]
    core = sorted(said.seconds for said in rows["warm"]["core"])
    base = core[len(core) // 2]
    figures = [
        at_most(
            "time to the finished reply, warm, shape of a 1B model",
            [said.seconds / base for said in rows["warm"]["ours"]],
            0.35,
            "x core",
            note=f"Home Assistant's own integration: {base:.1f} s on this machine.",
        )
    ]
    raw = {
        kind: {side: [as_json(said) for said in rows[kind][side]] for side in SIDES}
        for kind in rows
    }
    return figures, raw


def _make() -> None:
    """Make the model, and put it where the embedded engine finds it."""
    store = Store(_MODELS)
    small = store.find("smollm2:135m")
    file = _MODELS / "shape.gguf"
    if not file.exists():
        _write(Path(small.weights), file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    blob = _MODELS / "blobs" / f"sha256-{digest}"
    if not blob.exists():
        blob.hardlink_to(file)
    manifest = json.loads(json.dumps(small.manifest))
    manifest["layers"][0] |= {"digest": f"sha256:{digest}", "size": file.stat().st_size}
    where = _MODELS / "manifests" / "registry.ollama.ai" / "library" / "shape" / "1b"
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(json.dumps(manifest))


def _write(tokenizer: Path, file: Path) -> None:
    """Write random weights of this shape, with the tokenizer of another model."""
    known = GGUFReader(tokenizer)
    writer = GGUFWriter(file, "llama")
    writer.add_name("shape")
    for name, field in known.fields.items():
        if name.startswith("tokenizer."):
            kind = field.types[0]
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), kind, inner)
    vocabulary = len(known.fields["tokenizer.ggml.tokens"].contents())
    writer.add_vocab_size(vocabulary)
    writer.add_block_count(_LAYERS)
    writer.add_context_length(131_072)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000.0)
    writer.add_file_type(2)  # mostly Q4_0
    random = np.random.default_rng(0)
    narrow = _WIDTH // _HEADS * _KV_HEADS

    def matrix(name: str, rows: int, columns: int) -> None:
        blocks = random.integers(0, 256, (rows, columns // _BLOCK, _BLOCK_BYTES), dtype=np.uint8)
        blocks[..., :2] = np.frombuffer(np.float16(0.004).tobytes(), dtype=np.uint8)
        writer.add_tensor(
            name,
            blocks.reshape(rows, columns // _BLOCK * _BLOCK_BYTES),
            raw_dtype=GGMLQuantizationType.Q4_0,
        )

    def norm(name: str) -> None:
        writer.add_tensor(name, np.ones(_WIDTH, dtype=np.float32))

    matrix("token_embd.weight", vocabulary, _WIDTH)
    norm("output_norm.weight")
    for layer in range(_LAYERS):
        at = f"blk.{layer}"
        norm(f"{at}.attn_norm.weight")
        norm(f"{at}.ffn_norm.weight")
        matrix(f"{at}.attn_q.weight", _WIDTH, _WIDTH)
        matrix(f"{at}.attn_k.weight", narrow, _WIDTH)
        matrix(f"{at}.attn_v.weight", narrow, _WIDTH)
        matrix(f"{at}.attn_output.weight", _WIDTH, _WIDTH)
        matrix(f"{at}.ffn_gate.weight", _INNER, _WIDTH)
        matrix(f"{at}.ffn_up.weight", _INNER, _WIDTH)
        matrix(f"{at}.ffn_down.weight", _WIDTH, _INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

"""The child process that holds one model: llama.cpp's own server on a loopback port.

Started by ``runner.py`` with its settings as JSON; prints the address once the model is loaded.
It ends when its standard input closes, so that it cannot outlive the engine, however that ends.
"""

import json
import os
import signal
import sys

import xllamacpp


def main() -> None:
    """Load the model, say where it listens, and wait for the engine to go."""
    settings = json.loads(sys.argv[1])
    params = xllamacpp.CommonParams()
    params.model.path = settings["weights"]
    params.model_alias = {settings["name"]}
    params.chat_template = settings["template"]
    params.n_parallel = settings["num_parallel"]
    params.n_ctx = settings["num_ctx"] * settings["num_parallel"]
    params.n_batch = params.n_ubatch = settings["num_batch"]
    params.cpuparams.n_threads = settings["num_thread"] or settings["threads"] or os.cpu_count()
    params.ctx_shift = settings["shift"]
    params.cache_ram_mib = settings["cache_ram"]
    kind = xllamacpp.ggml_type[f"GGML_TYPE_{settings['kv_cache_type'].upper()}"]
    params.cache_type_k = params.cache_type_v = kind
    if (flash := settings["flash_attention"]) is not None:
        name = "ENABLED" if flash else "DISABLED"
        params.flash_attn_type = xllamacpp.llama_flash_attn_type[f"LLAMA_FLASH_ATTN_TYPE_{name}"]
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    # llama.cpp takes these signals for itself, and would live on as a server that answers nothing.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

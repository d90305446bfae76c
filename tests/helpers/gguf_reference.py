"""What transformers makes of a GGUF file: ``gguf_reference.py FILE`` with texts as JSON on stdin.

Prints ``{"tensors": {name: sha256 of the bf16 bytes}, "ids": [[...] per text], "config": {...}}``. In a process of its
own, because it takes gigabytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path


def main(path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    texts = json.load(sys.stdin)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    tied = model.config.tie_word_embeddings
    tensors = {
        name: hashlib.sha256(value.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
        for name, value in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    print(json.dumps({"tensors": tensors, "ids": ids, "config": model.config.to_dict()}, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

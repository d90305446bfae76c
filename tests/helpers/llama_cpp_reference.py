"""What llama.cpp makes of a GGUF file: ``llama_cpp_reference.py FILE`` with texts as JSON on stdin.

Prints ``{"ids": [[...] per text], "answer": "..."}``; the answer goes on greedily from a fixed beginning.
"""

from __future__ import annotations

import json
import sys
import urllib.request

BEGINNING = "The capital of France is"


def main(path: str) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_ctx = 256
    parameters.cpuparams.n_threads = 2
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    made = server.handle_completions({"prompt": BEGINNING, "n_predict": 12, "temperature": 0})
    made = json.loads(made) if isinstance(made, (str, bytes)) else made
    ids = [_tokenize(server.listening_address, text) for text in json.load(sys.stdin)]
    print(json.dumps({"ids": ids, "answer": made["choices"][0]["text"]}))


def _tokenize(address: str, text: str) -> list[int]:
    request = urllib.request.Request(  # noqa: S310 - the server of this process
        f"{address}/tokenize", json.dumps({"content": text}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        tokens: list[int] = json.loads(answer.read())["tokens"]
    return tokens


if __name__ == "__main__":
    main(sys.argv[1])

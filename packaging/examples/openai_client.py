"""OpenAI's own client: a streamed answer with its reasoning, and what it cost.

python packaging/examples/openai_client.py [BASE_URL]
"""

import sys

from openai import OpenAI

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1"

with OpenAI(base_url=BASE_URL, api_key="EMPTY") as client:
    stream = client.chat.completions.create(
        model="autoglm-phone-9b",
        messages=[{"role": "user", "content": "你是谁?"}],
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"enable_thinking": True},
    )
    for chunk in stream:
        for choice in chunk.choices:
            thought = getattr(choice.delta, "reasoning_content", None)
            print(thought or choice.delta.content or "", end="", flush=True)
        if chunk.usage:
            usage = chunk.usage.model_dump()
            cached, energy = usage["prompt_tokens_details"]["cached_tokens"], usage["energy"]
            print(f"\n{cached} of {usage['prompt_tokens']} prompt tokens came from the cache")
            print(f"{energy['joules']} J ({energy['label']}), {energy['tier']}")

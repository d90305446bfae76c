"""The guide's client, unchanged but for the address: LangChain's ChatOpenAI, streaming, with thinking.

    python packaging/examples/langchain_client.py [BASE_URL]

ChatOpenAI drops reasoning from chat completions; with `use_responses_api=True` it comes back in content blocks.
"""

import sys

from langchain_openai import ChatOpenAI

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1"

chat_model = ChatOpenAI(
    model="autoglm-phone-9b",
    temperature=0.5,
    base_url=BASE_URL,
    api_key="EMPTY",
    extra_body={"enable_thinking": True, "return_reasoning": True},
    streaming=True,
)
print(chat_model.invoke("你是谁?").content)

thinking_model = chat_model.model_copy(update={"use_responses_api": True})
for block in thinking_model.invoke("2 + 2 = ?").content_blocks:
    print(f"{block['type']}: {block.get('reasoning') or block.get('text')}")

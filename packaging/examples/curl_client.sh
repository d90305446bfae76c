#!/usr/bin/env bash
# The service with nothing but curl: which model answers, a question, and the simulated phone at 20 %.
#
#   bash packaging/examples/curl_client.sh [BASE_URL]
set -euo pipefail
BASE_URL=${1:-http://127.0.0.1:8000/v1}

curl --silent --show-error --fail "$BASE_URL/models"
echo
curl --silent --show-error --fail --no-buffer "$BASE_URL/chat/completions" \
  --header 'Content-Type: application/json' \
  --data '{"model": "autoglm-phone-9b", "messages": [{"role": "user", "content": "你是谁?"}], "stream": true}'
curl --silent --show-error --fail --request PUT "$BASE_URL/energy/phone" \
  --header 'Content-Type: application/json' --data '{"battery": 0.2}'
echo

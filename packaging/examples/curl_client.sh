#!/usr/bin/env bash
# The service with nothing but curl: which model answers, a question, and the simulated phone.
#
#   bash packaging/examples/curl_client.sh [BASE_URL]
#
# A service with a key lets those who send it (here: from AUTOGLM_API_KEY) set the phone; without one it is read only.
set -euo pipefail
BASE_URL=${1:-http://127.0.0.1:8000/v1}
KEY=${AUTOGLM_API_KEY:-}

ask() { curl --silent --show-error --fail --header "Authorization: Bearer ${KEY:-EMPTY}" "$@"; }

ask "$BASE_URL/models"
echo
ask --no-buffer "$BASE_URL/chat/completions" \
  --header 'Content-Type: application/json' \
  --data '{"model": "autoglm-phone-9b", "messages": [{"role": "user", "content": "你是谁?"}], "stream": true}'
if [[ -n $KEY ]]; then
  ask --request PUT "$BASE_URL/energy/phone" --header 'Content-Type: application/json' --data '{"battery": 0.2}'
else
  ask "$BASE_URL/energy"
fi
echo

#!/usr/bin/env bash
# Set everything up (the first time), then serve the OpenAI-compatible API on port 8000 of this computer.
#
#   bash packaging/run_autoglm_server.sh [--setup] [--lazy] [arguments of "autoglm-desktop serve"]
#
# --setup stops before the start. Images and speech are loaded at the start, with --lazy on first use. The log lines are
# printed when what they say begins; "service is ready!" comes when the first request can be answered.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/common.sh
source "$ROOT/packaging/common.sh"
trap 'exit 130' INT

SPEECH=faster-whisper-base

arguments=()
setup_only=no
lazy=no
while [[ $# -gt 0 ]]; do
  case $1 in
  --setup) setup_only=yes ;;
  --lazy) lazy=yes ;;
  --data-dir)
    export AUTOGLM_DATA_DIR=${2:?--data-dir needs a folder}
    shift
    ;;
  --data-dir=*) export AUTOGLM_DATA_DIR=${1#*=} ;;
  *) arguments+=("$1") ;;
  esac
  shift
done

bash "$ROOT/packaging/run.sh" --setup

speech_is_here() { [[ -f $(data_dir)/models/$SPEECH/autoglm.json ]]; }

if ! speech_is_here && ! "$VENV/bin/python" -m autoglm_desktop models pull "$SPEECH" >&2; then
  say "The speech model could not be fetched: recordings are refused until it is there."
fi

[[ $setup_only == no ]] || exit 0
if [[ $lazy == no ]]; then
  arguments+=(--load vision)
  ! speech_is_here || arguments+=(--load speech)
fi
exec 3>&-
exec "$VENV/bin/python" -m autoglm_desktop serve "${arguments[@]}"

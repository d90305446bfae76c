#!/usr/bin/env bash
# Set everything up (the first time), then start the application.
#
#   bash packaging/run.sh [--setup] [arguments of the application]
#
# --setup stops before the start. Without a display the application talks in the terminal; without a terminal either it
# asks its model one question and prints the answer.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/common.sh
source "$ROOT/packaging/common.sh"
trap 'exit 130' INT

MODEL=qwen2.5-coder-0.5b-instruct
SPEECH_MODEL=faster-whisper-base # small; chat starts without it
NO_PACKAGES=$VENV/.packages-missing # the set-up is done but for system packages that apt could not install

set_up() {
  lock_setup
  is_ready app && return
  local packages=yes
  install_packages app || packages=no
  make_venv
  pip_install "$ROOT"
  was_ready app || fetch_first_models
  rm -f "$NO_PACKAGES"
  [[ $packages == yes ]] || : >"$NO_PACKAGES"
  mark_ready app
  say "Everything is set up."
}

# Once only: which models are here afterwards is up to the person.
fetch_first_models() {
  has_any_model || fetch_model "$MODEL"
  fetch_model "$SPEECH_MODEL" || say "Chat works. For speech, later: .venv/bin/autoglm-desktop models pull $SPEECH_MODEL"
}

start() {
  exec 3>&-
  if [[ -e $NO_PACKAGES && -n $(missing_libraries) ]]; then
    say "The window needs the packages named above; until then there is the terminal."
    unset DISPLAY WAYLAND_DISPLAY
  fi
  exec "$VENV/bin/python" -m autoglm_desktop "$@"
}

arguments=()
setup_only=no
while [[ $# -gt 0 ]]; do
  case $1 in
  --setup) setup_only=yes ;;
  --data-dir)
    export AUTOGLM_DATA_DIR=${2:?--data-dir needs a folder}
    shift
    ;;
  --data-dir=*) export AUTOGLM_DATA_DIR=${1#*=} ;;
  *) arguments+=("$1") ;;
  esac
  shift
done

if ! is_ready app; then
  set_up
  exec 9<&-
elif [[ -e $NO_PACKAGES ]] && install_packages app; then
  rm -f "$NO_PACKAGES"
fi
[[ $setup_only == yes ]] || start "${arguments[@]}"

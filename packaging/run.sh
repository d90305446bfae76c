#!/usr/bin/env bash
# Set everything up (the first time), then start the application.
#
#   bash packaging/run.sh [--setup] [arguments of the application]
#
# --setup stops before the start. Without a display the conversation is held in the terminal; without a terminal one
# question is asked and answered, which shows that the model works here.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/common.sh
source "$ROOT/packaging/common.sh"
trap 'exit 130' INT

MODEL=qwen2.5-coder-0.5b-instruct
QUESTION='你是谁?'
NO_PACKAGES=$VENV/.packages-missing # the set-up is done but for system packages that apt could not install

set_up() {
  lock_setup
  is_ready app "$MODEL" && return
  local packages=yes
  install_packages app || packages=no
  make_venv
  pip_install "$ROOT"
  fetch_model "$MODEL"
  rm -f "$NO_PACKAGES"
  [[ $packages == yes ]] || : >"$NO_PACKAGES"
  mark_ready app
  exec 9<&-
  say "Everything is set up."
}

has_display() {
  [[ -z ${QT_QPA_PLATFORM-} && -z ${WAYLAND_DISPLAY-} ]] || return 0
  local number=${DISPLAY-}
  [[ -n $number ]] || return 1
  [[ $number == :* ]] || return 0
  number=${number#:}
  grep -qs "X11-unix/X${number%%.*}$" /proc/net/unix
}

start() {
  exec 3>&-
  local argument app=("$VENV/bin/python" -m autoglm_desktop)
  for argument; do
    case $argument in
    chat | models | bench | doctor | --help | --version) exec "${app[@]}" "$@" ;;
    esac
  done
  if ! has_display; then
    say "No display was found, so the conversation is held in the terminal."
  elif [[ -e $NO_PACKAGES && -n $(missing_libraries) ]]; then
    say "The window needs the packages named above, so the conversation is held in the terminal."
  else
    exec "${app[@]}" "$@"
  fi
  if [[ -t 0 && -t 1 ]]; then
    exec "${app[@]}" chat "$@"
  fi
  say "No terminal either, so the model is asked one question: $QUESTION"
  exec "${app[@]}" chat "$@" "$QUESTION" </dev/null 2>&1
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

if ! is_ready app "$MODEL"; then
  set_up
elif [[ -e $NO_PACKAGES ]] && install_packages app; then
  rm -f "$NO_PACKAGES"
fi
[[ $setup_only == yes ]] || start "${arguments[@]}"

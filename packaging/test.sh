#!/usr/bin/env bash
# Set everything up with the test tools, then run every check: format, lint, types, import contracts, tests.
#
#   bash packaging/test.sh [arguments of pytest]
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/common.sh
source "$ROOT/packaging/common.sh"
trap 'exit 130' INT

MODELS=(qwen2.5-coder-0.5b-instruct smollm2-135m-instruct faster-whisper-base)

set_up() {
  lock_setup
  is_ready test "${MODELS[@]}" && return
  install_packages test || fail "The tests need those packages."
  make_venv
  pip_install "${ROOT}[test]"
  local model
  for model in "${MODELS[@]}"; do fetch_model "$model"; done
  mark_ready test
}

check() {
  say "--- $*"
  "$VENV/bin/$1" "${@:2}"
}

if ! is_ready test "${MODELS[@]}"; then
  set_up
  exec 9<&-
fi
cd "$ROOT"
check ruff format --check .
check ruff check .
check mypy
check lint-imports

# A test drives real processes, windows and sockets; one that a busy machine made fail gets one more try, alone.
# It is named twice in the output. Anything but failed tests (a crash, an error in collection) ends the run at once.
status=0
check python -m pytest "$@" || status=$?
((status == 1)) || exit "$status"
say "--- failed tests, once more"
check python -m pytest --last-failed --last-failed-no-failures none "$@"

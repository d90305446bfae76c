# shellcheck shell=bash
# What run.sh and test.sh share: system packages, the virtual environment, the default model. Sourced, not run.

VENV=$ROOT/.venv
LOG=$ROOT/.setup.log
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME
exec 3>&2 # where a person reads, also while a command's output goes to the log
RUNNING=$VENV/.setup-running # there while pip works: found at a start, the environment is half-made

# Shared libraries that Qt (its X11 platform, multimedia) and PortAudio load, by soname, with the package that has
# them. Looked up by soname since package names differ between releases.
LIBRARIES="
libEGL.so.1            libegl1
libGL.so.1             libgl1
libX11-xcb.so.1        libx11-xcb1
libatomic.so.1         libatomic1
libdbus-1.so.3         libdbus-1-3
libfontconfig.so.1     libfontconfig1
libfreetype.so.6       libfreetype6
libglib-2.0.so.0       libglib2.0-0
libgssapi_krb5.so.2    libgssapi-krb5-2
libportaudio.so.2      libportaudio2
libpulse.so.0          libpulse0
libxcb-cursor.so.0     libxcb-cursor0
libxcb-icccm.so.4      libxcb-icccm4
libxcb-image.so.0      libxcb-image0
libxcb-keysyms.so.1    libxcb-keysyms1
libxcb-randr.so.0      libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0      libxcb-shape0
libxcb-xkb.so.1        libxcb-xkb1
libxkbcommon-x11.so.0  libxkbcommon-x11-0
libxkbcommon.so.0      libxkbcommon0
"

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

# --- system packages -------------------------------------------------------------------------------------------------

missing_libraries() {
  local known soname package
  known=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p)
  while read -r soname package; do
    [[ -z $soname || $known == *"$soname "* ]] || printf '%s\n' "$package"
  done <<<"$LIBRARIES"
}

# missing_packages app|test: what the application needs, or the test tools too.
missing_packages() {
  missing_libraries
  command -v fc-list >/dev/null || printf 'fontconfig\n'
  [[ -n $(fc-list :lang=zh family 2>/dev/null) ]] || printf 'fonts-noto-cjk\n'
  fc-list : family 2>/dev/null | grep -E '^(Inter|Noto Sans|Ubuntu|Cantarell)(,|$)' >/dev/null || printf 'fonts-inter\n'
  find_python >/dev/null || printf 'python3\npython3-venv\n'
  ensurepip_works || printf '%s-venv\n' "$(basename "$(find_python || echo python3)")"
  if [[ $1 == test ]]; then
    command -v Xvfb >/dev/null || printf 'xvfb\n'
    command -v openbox >/dev/null || printf 'openbox\n'
    command -v icewm >/dev/null || printf 'icewm\n'
    command -v xdotool >/dev/null || printf 'xdotool\n'
    command -v import >/dev/null || printf 'imagemagick\n'
    command -v espeak-ng >/dev/null || printf 'espeak-ng\n'
    command -v pulseaudio >/dev/null || printf 'pulseaudio\n'
    command -v paplay >/dev/null || printf 'pulseaudio-utils\n'
    compgen -G '/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so' >/dev/null || printf 'libasound2-plugins\n'
  fi
}

# The command that runs apt-get here, or nothing where it may not be used.
apt_command() {
  command -v apt-get >/dev/null || return 1
  if [[ $(id -u) == 0 ]]; then
    printf 'env DEBIAN_FRONTEND=noninteractive apt-get\n'
  elif sudo -n true 2>/dev/null; then
    printf 'sudo -n env DEBIAN_FRONTEND=noninteractive apt-get\n'
  else
    return 1
  fi
}

# install_packages app|test: install what is missing. Without the right to use apt: print the one command and return 1.
install_packages() {
  local -a wanted apt
  mapfile -t wanted < <(missing_packages "$1" | sort -u)
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  if ! read -ra apt < <(apt_command) || [[ ${#apt[@]} -eq 0 ]]; then
    say "System packages are missing, and apt cannot be used from here. Run this once, then start again:"
    say "  sudo apt-get install ${wanted[*]}"
    return 1
  fi
  say "Installing system packages: ${wanted[*]}"
  # An index that is absent or too old is refreshed, one that serves is left alone.
  if ! "${apt[@]}" install -y -qq --no-install-recommends "${wanted[@]}" >"$LOG" 2>&1; then
    if ! { "${apt[@]}" update -qq && "${apt[@]}" install -y -qq --no-install-recommends "${wanted[@]}"; } >"$LOG" 2>&1; then
      tail -n 3 "$LOG" >&2
      fail "apt could not install the packages (all it said: $LOG). Check the network, then start again."
    fi
  fi
}

# --- Python ----------------------------------------------------------------------------------------------------------

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

ensurepip_works() {
  local python
  python=$(find_python) && "$python" -c 'import ensurepip, venv' 2>/dev/null
}

# A .venv that an interrupted set-up or a vanished Python left unusable is made anew.
make_venv() {
  local python
  python=$(find_python) || fail "Python 3.11, 3.12 or 3.13 is needed and was not found. Debian 12 and newer have it as python3."
  if [[ -e $VENV ]] && { [[ -e $RUNNING ]] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }; then
    say "The environment in .venv is incomplete; it is made anew."
    rm -rf "$VENV"
  fi
  [[ -e $VENV ]] && return
  ensurepip_works || fail "Without Python's venv module (the package python3-venv) it ends here."
  say "Making the environment in .venv with $("$python" --version)"
  if ! "$python" -m venv "$VENV" >"$LOG" 2>&1; then
    tail -n 3 "$LOG" >&2
    fail "The environment could not be made (all that was said: $LOG). Check that the disk is not full."
  fi
}

# pip_install REQUIREMENT: the project, pinned. Build tools come first, so that the build fetches nothing of its own.
pip_install() {
  say "Installing the pinned Python packages; the first time this takes a few minutes."
  : >"$RUNNING"
  : >"$LOG"
  if ! { run_pip hatchling editables && run_pip --no-build-isolation -e "$1"; } 2>>"$LOG" >&2; then
    grep -v '^WARNING' "$LOG" | tail -n 5 >&2
    fail "pip could not install the packages (all it said: $LOG). Check the network and the disk, then start again."
  fi
  rm -f "$RUNNING"
}

run_pip() {
  "$VENV/bin/python" -m pip install --disable-pip-version-check -c "$ROOT/packaging/constraints.txt" "$@" | show_downloads
}

# pip's output goes to the log; on a terminal the lines about downloads are shown too, one over the other.
show_downloads() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$LOG"
    [[ ! -t 3 || $line != *Downloading* ]] || printf '\r\033[K%.78s' "${line#"${line%%[! ]*}"}" >&3
  done
  [[ ! -t 3 ]] || printf '\r\033[K' >&3
}

# --- model -----------------------------------------------------------------------------------------------------------

# fetch_model ID: download, verify and convert it and pack its tiers; nothing is done twice.
fetch_model() {
  "$VENV/bin/python" -m autoglm_desktop models prepare --yes "$1" >&2
}

# --- a set-up that was done is recognised without starting anything ---------------------------------------------------

# What a stamp has to say to hold: what was installed, with which Python, for which data folder.
stamp_key() {
  cat "$ROOT/pyproject.toml" "$ROOT/packaging/constraints.txt" | sha256sum
  readlink -f "$VENV/bin/python"
  printf '%s\n' "$(data_dir)"
}

data_dir() { printf '%s' "${AUTOGLM_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/AutoGLM Desktop}"; }

# is_ready NAME MODEL...: the stamp holds and the models are where they were put.
is_ready() {
  local model stamp=$VENV/.ready-$1
  was_ready "$1" && [[ ! -e $RUNNING && -x $VENV/bin/python ]] || return 1
  for model in "${@:2}"; do
    [[ -f $(data_dir)/models/$model/autoglm.json ]] || return 1
  done
  [[ $(stamp_key) == "$(<"$stamp")" ]]
}

# was_ready NAME: a set-up with this data folder came to its end once, perhaps that of an older version.
was_ready() {
  local stamp=$VENV/.ready-$1
  [[ -f $stamp && -d $(data_dir)/models && $(tail -n 1 "$stamp") == "$(data_dir)" ]]
}

has_any_model() { compgen -G "$(data_dir)/models/*/autoglm.json" >/dev/null; }

mark_ready() { stamp_key >"$VENV/.ready-$1"; }

# Only one set-up at a time in this folder. Whoever is done closes file 9, or what it starts would keep the lock.
lock_setup() {
  exec 9<"$ROOT/packaging/common.sh"
  flock --nonblock 9 && return
  say "Another set-up runs in this folder; waiting for it."
  flock 9
}


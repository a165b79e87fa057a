#!/bin/sh
# Installs zqcnn-xp into .venv on a fresh Debian or Ubuntu, then does one thing:
#   sh setup.sh demo    find the faces in a photo, print them, draw them into faces.png
#   sh setup.sh test    install what the tests need and run them
# PYTHON names another interpreter (3.11 or newer).
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
task=${1:-}
case "$task" in
  demo) extras=demo ;;
  test) extras=test ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "run as root: $*" >&2; exit 1
  fi
}

# What pip cannot bring: Python with venv, the libraries OpenCV links against, and for the
# tests a C++ compiler, which runs the CUDA kernels on the CPU.
missing=
"$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || missing="python3 python3-venv"
ldconfig -p 2>/dev/null | grep -q libGL.so.1 || missing="$missing libgl1"
ldconfig -p 2>/dev/null | grep -q libgthread-2.0.so.0 || missing="$missing libglib2.0-0"
[ "$task" = demo ] || command -v c++ >/dev/null || missing="$missing g++"

# Code for 64-bit Arm is run by an emulator; its tests skip where that is not to be had.
foreign=
if [ "$task" = test ] && [ "$(uname -m)" = x86_64 ]; then
  command -v qemu-aarch64 >/dev/null || foreign=qemu-user
  command -v aarch64-linux-gnu-gcc >/dev/null \
    || foreign="$foreign gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
fi
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || foreign=

# shellcheck disable=SC2086 # lists of names
install() {
  as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends $*
}
if command -v apt-get >/dev/null; then
  [ -z "$missing" ] || install "$missing"
  [ -z "$foreign" ] || install "$foreign" || echo "tests of Arm code will skip" >&2
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "zqcnn-xp needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1
}
.venv/bin/python -m pip install --quiet --editable ".[$extras]"

if [ "$task" = demo ]; then
  exec .venv/bin/zqcnn-xp demo
fi
exec .venv/bin/python -m pytest

#!/bin/sh
# Runs the tests of the compiled engine on a library built with the address and undefined-behaviour sanitisers.
# usage: sanitize.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
python=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

case $(uname -m) in
x86_64 | amd64) flags='-mavx2 -mfma' ;;
*) flags= ;;
esac
cxx=${CXX:-g++}
command -v "$cxx" >/dev/null || {
    echo "sanitize: there is no C++ compiler ($cxx); set CXX" >&2
    exit 1
}
digest=$("$python" -c 'from ablations.engines.native import library; print(library.digest())')
# shellcheck disable=SC2086 # flags are words
"$cxx" -std=c++17 -O1 -g -ffp-contract=off -fno-exceptions -fno-rtti -fno-omit-frame-pointer -shared -fPIC $flags \
    -fsanitize=address,undefined -fno-sanitize-recover=all "-DSOURCE_DIGEST=\"$digest\"" \
    -o "$folder/sanitized.so" ablations/engines/native/kernels.cpp

# -s: what a sanitiser says goes to the terminal, not into pytest's capture. The interpreter is not built with them:
# their runtime comes first, and its leaks are not ours
LD_PRELOAD=$("$cxx" -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 ABLATIONS_NATIVE=$folder/sanitized.so \
    "$python" -m pytest -q -s -p no:cacheprovider tests/ablations/engines/native --deselect tests/ablations/engines/native/test_bits.py

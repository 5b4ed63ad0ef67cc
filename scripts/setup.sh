#!/bin/sh
# Makes .venv ready for the Makefile: the pinned versions of constraints.txt, the CPU build of torch where one can be had,
# and this folder installed so that edits count at once. Says nothing and does nothing where .venv is ready already.
#
# PYTHON        the interpreter to build .venv with
# PYTHON_GIVEN  not empty: PYTHON was asked for by name, so a .venv of another interpreter is replaced
# TORCH_INDEX   package index to ask for torch first; empty: none
set -eu
cd "$(dirname "$0")/.."

venv=.venv
python=$venv/bin/python
stamp=$venv/ready # written last, so an interrupted set-up has none and is begun again
wanted="$(cat pyproject.toml constraints.txt setup.py scripts/setup.sh ablations/engines/native/*.?pp | cksum) $(pwd -P)"

complain() {
    printf '%s\n' "$@" >&2
    exit 1
}

which_python() { # the interpreter behind $1: place and version, the same inside and outside its virtual environments
    "$1" -c 'import sys; print(sys.base_prefix, "%d.%d.%d" % sys.version_info[:3])'
}

check_python() {
    hint="Name another one: make PYTHON=python3.12 ..."
    command -v "$PYTHON" >/dev/null 2>&1 || complain "There is no Python at PYTHON=$PYTHON; 3.11 or newer is needed." "$hint"
    version=$("$PYTHON" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])') ||
        complain "PYTHON=$PYTHON does not run; Python 3.11 or newer is needed." "$hint"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        complain "PYTHON=$PYTHON is Python $version; 3.11 or newer is needed." "$hint"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        complain "PYTHON=$PYTHON (Python $version) lacks the modules venv and ensurepip." \
            "Debian and Ubuntu keep them apart: apt install python3-venv" "$hint"
}

pip() {
    PIP_USER=0 "$python" -m pip --disable-pip-version-check --no-input -qq "$@"
}

answers() { # whether the package index $1 has torch; the alarm ends name look-ups too, which know no time limit
    case $1 in
    '') return 1 ;;
    http://* | https://*) ;;
    *) return 0 ;;
    esac
    "$python" - "$1" 2>/dev/null <<'PROBE'
import signal, sys, urllib.request
signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
signal.alarm(5)
urllib.request.urlopen(sys.argv[1].rstrip("/") + "/torch/", timeout=5).close()
PROBE
}

install_torch() {
    torch=$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' constraints.txt)
    if answers "$TORCH_INDEX"; then
        echo "  $torch from $TORCH_INDEX"
        # alone: what torch needs comes pinned with the rest, from the usual index
        pip install --no-deps --index-url "$TORCH_INDEX" "$torch" && return
    fi
    echo "  $torch from pip's usual index"
    pip install -c constraints.txt "$torch"
}

if [ -n "${PYTHON_GIVEN:-}" ] && [ -e "$stamp" ]; then
    check_python
    [ "$(which_python "$PYTHON")" = "$(which_python "$python" 2>/dev/null || true)" ] || rm -f "$stamp"
fi
if [ -e "$stamp" ] && [ -x "$python" ]; then
    [ "$(cat "$stamp")" != "$wanted" ] || exit 0
    echo "Bringing .venv up to date"
    rm "$stamp"
else
    check_python
    echo "Setting up .venv with Python $version: once, a few minutes"
    rm -rf "$venv"
    "$PYTHON" -m venv "$venv"
fi
pip install -c constraints.txt setuptools # what builds this project, and first: torch alone would be complained of
install_torch
echo "  everything else, as pinned in constraints.txt"
pip install -c constraints.txt --no-build-isolation --editable '.[dev]'
printf '%s\n' "$wanted" >"$stamp"
echo "Set-up done"

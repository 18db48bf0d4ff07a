#!/bin/sh
# Some tests need programs that pip does not bring: a browser, an office suite with poppler to look at documents, and a
# PostgreSQL server. Take what is there; on Debian and Ubuntu install the rest when run as root. Elsewhere say which
# tests will be skipped; continuous integration treats such a skip as a failure.
set -eu

missing=""
wanted=""

need() {  # need PACKAGE "WHAT FOR" PROGRAM...: any one of the programs will do
    package=$1 purpose=$2
    shift 2
    for program in "$@"; do
        if command -v "$program" >/dev/null 2>&1 || [ -x "$program" ]; then return 0; fi
    done
    missing="$missing $package"
    wanted="$wanted
  $package ($purpose)"
}

postgres=$(find /usr/lib/postgresql -name initdb 2>/dev/null | head -n 1)
need chromium "tests in a browser" chromium chromium-browser google-chrome
need libreoffice-writer-nogui "tests that open Word and RTF files" soffice libreoffice
need poppler-utils "tests that open Word and RTF files" pdftoppm
need postgresql "tests with a PostgreSQL server" initdb "${postgres:-/nonexistent}"

if [ -z "$missing" ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install --yes --quiet --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update --quiet >/dev/null
        apt-get install --yes --quiet --no-install-recommends $missing >/dev/null
    }
    exit 0
fi
echo "Not found, so the tests that need them are skipped and say so:$wanted" >&2

#!/bin/sh
# The browser tests need Chromium. Take the one that is there; on Debian and Ubuntu install it when run as root.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get install --yes --quiet chromium >/dev/null 2>&1 || {
        apt-get update --quiet >/dev/null && apt-get install --yes --quiet chromium >/dev/null
    }
    exit 0
fi
echo "No Chromium found: the browser tests will be skipped, and say so. Install the package chromium to run them." >&2

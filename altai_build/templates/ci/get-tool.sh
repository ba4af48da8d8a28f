#!/usr/bin/env bash
set -euo pipefail
tool=$HOME/.cache/altai-build/tool
git init --quiet "$tool"
git -C "$tool" fetch --quiet --depth=1 "$ALTAI_BUILD_URL" "$ALTAI_BUILD_REV"
git -C "$tool" checkout --quiet --force --detach FETCH_HEAD
# The user of a container is not always the owner of the checkout.
git rev-parse --git-dir >/dev/null 2>&1 || git config --global --add safe.directory "$PWD"

#!/usr/bin/env bash
# Pictures of the dashboard at 390 and 1280 px, dark and light, with a fleet in all its states under some load.
#   scripts/screenshots.sh [DIRECTORY]     default build/screenshots; needs what scripts/setup.sh --test installs, and a build
set -euo pipefail
cd "$(dirname "$0")/.."
exec /usr/bin/python3 -B tests/e2e/screenshots.py "${1:-build/screenshots}"

#!/usr/bin/env bash
# Times peftlab beside PEFT with transformers on this machine; see bench/peers.py for what is compared.
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/../bench/peers.py" "$@"

#!/usr/bin/env bash
# Names the image by its digest in the chart and in operator.yaml, for a release: deploy/pin-image.sh sha256:...
set -euo pipefail
cd "$(dirname "$0")/.."

digest=${1:-}
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || {
    printf 'error: %s is not a digest; write sha256: and 64 hexadecimal digits\n' "${digest:-the argument}" >&2
    exit 1
}
repository=ghcr.io/sharedresponsibility/responsibility-operator
chart=charts/responsibility-operator

# Replaces the only line of a file that matches. Arguments: file, pattern, new line.
replace() {
    [[ $(grep --count --extended-regexp "$2" "$1") == 1 ]] || {
        printf 'error: %s does not have one line that matches %s\n' "$1" "$2" >&2
        exit 1
    }
    sed --in-place --regexp-extended "s|$2|$3|" "$1"
}

replace $chart/values.yaml '^  digest: ""$' "  digest: $digest"
replace $chart/Chart.yaml "^( *)image: $repository:[^ ]+\$" "\\1image: $repository@$digest"
replace deploy/operator.yaml "^( *)image: \"$repository:[^ ]+\"\$" "\\1image: \"$repository@$digest\""

#!/usr/bin/env bash
# The step of action.yml: installs tl unless it is there, checks the files, and reports path and exit
# code. A refused file does not fail this step, so that its findings are uploaded.
set -euo pipefail
if ! command -v tl > /dev/null; then
    python3 -m venv "$RUNNER_TEMP/tl"
    "$RUNNER_TEMP/tl/bin/pip" install --quiet --disable-pip-version-check "twelvelabs-cli${TL_VERSION:+==$TL_VERSION}"
    PATH=$RUNNER_TEMP/tl/bin:$PATH
fi
# Words as in a shell, without expansion: the inputs are data of the workflow.
mapfile -t paths < <(xargs -n 1 printf '%s\n' <<< "$TL_PATHS")
mapfile -t arguments < <(xargs -n 1 printf '%s\n' <<< "$TL_ARGUMENTS")
[[ -n ${arguments[0]:-} ]] || arguments=()
sarif=$RUNNER_TEMP/tl.sarif
code=0
tl validate --format sarif --output "$sarif" "${arguments[@]}" -- "${paths[@]}" || code=$?
case $code in
    0 | 1 | 3) ;;
    *) exit "$code" ;; # not a finding: a wrong argument, no files, no helper
esac
{
    echo "sarif=$sarif"
    echo "code=$code"
} >> "$GITHUB_OUTPUT"

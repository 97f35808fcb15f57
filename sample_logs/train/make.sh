#!/usr/bin/env bash
# Train the sample runs anew and put their logs beside this folder: make.sh [NAME ...]
# Needs the two virtual environments that ../README.md tells of, in $RUN.
set -euo pipefail

RUN=${RUN:-/tmp/run}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
all=(digits_step digits_overfit digits_nan digits_resumed digits_crash digits_plateau
    diabetes_iter mmcv_digits mmcv_iter)

# A neutral user and host: mmcv prints both.
if [[ -z ${SAMPLES_INSIDE:-} ]]; then
    exec env SAMPLES_INSIDE=1 LOGNAME=user OMP_NUM_THREADS=1 TZ=UTC \
        unshare --uts bash -c 'hostname trainer && exec bash "$@"' - "$here/make.sh" "$@"
fi

cp -r "$here"/*.py "$here/stub" "$RUN"
cd "$RUN"

mmengine() { venv/bin/python mmengine_train.py "$@"; }

kill_in_epoch_9_and_resume() {
    venv/bin/python mmengine_train.py digits_resumed >/dev/null 2>&1 &
    local pid=$!
    until grep -qs 'Epoch(train) *\[9\]\[20/38\]' work_dirs/digits_resumed/*/*.log; do
        kill -0 "$pid"
        sleep 0.1
    done
    kill -KILL "$pid"
    wait "$pid" || true
    sleep 20
    # MMEngine's checkpoints hold more than tensors, which torch refuses to load by default.
    TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 mmengine digits_resumed --resume >/dev/null 2>&1
}

for name in "${@:-${all[@]}}"; do
    rm -rf "work_dirs/$name"
    case $name in
        digits_resumed) kill_in_epoch_9_and_resume ;;
        digits_crash) mmengine "$name" 2>&1 | tee "$name.console.log" >/dev/null || true ;;
        mmcv_*) PYTHONPATH=stub venv_mmcv/bin/python -W ignore mmcv_train.py "$name" \
            >/dev/null 2>&1 ;;
        *) mmengine "$name" >/dev/null 2>&1 ;;
    esac
    kept="$here/../$name"
    mkdir -p "$kept"
    find "$kept" -mindepth 1 ! -name HOW.md -delete
    (cd "work_dirs/$name" && find . -type f ! -name '*.pth' ! -name 'events.*' \
        -exec cp --parents {} "$kept" \;)
    if [[ $name == digits_crash ]]; then cp "$name.console.log" "$kept/console.log"; fi
    echo "$name: done"
done

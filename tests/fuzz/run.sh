#!/bin/sh
# run.sh [SECONDS [TARGET...]]: builds the fuzz targets with clang and runs each for SECONDS (60) from its seeds.
# What it finds stays in build-fuzz/; a crash ends it with a failure and the input's path.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- address hosts_address guard image token websocket

sources_address="src/network/address.c"
sources_hosts_address="src/network/address.c"
sources_guard="src/http/guard.c"
sources_image="src/image/inspect.c src/image/inspect_check.c"
sources_token="src/auth/base64.c src/auth/keyfile.c src/auth/seal.c src/auth/token.c"
sources_websocket="src/http/websocket.c"
longest_address=200
longest_hosts_address=200
longest_guard=4000
longest_image=70000
longest_token=400
longest_websocket=4000

for target; do
    eval "sources=\$sources_$target longest=\$longest_$target"
    found=build-fuzz/found/$target
    mkdir -p "$found"
    clang -std=gnu17 -D_GNU_SOURCE -Isrc -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all -o "build-fuzz/fuzz_$target" "tests/fuzz/fuzz_$target.c" $sources src/base/*.c -lcrypto
    "build-fuzz/fuzz_$target" -max_total_time="$seconds" -max_len="$longest" -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/$target-" "$found" "tests/fuzz/corpus/$target"
done

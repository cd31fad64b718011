/* fuzz.h - what a fuzz target is; the unit tests call it with the seeds, without a fuzzer. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The target: takes any bytes, returns 0, and aborts when a promise is broken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* text.h - checks and conversions of text that several modules share. */
#pragma once
#include "base/arena.h"

/* ISO 8601 as the services write it: date, or date and time with optional fraction and Z or +hh:mm. */
bool text_to_time(const char *s, int64_t *ret_us);
/* "true", "1", "yes", "on" and their opposites. */
bool text_to_bool(const char *s, bool *ret_value);
/* "2026-11-22T07:00:00" + tail, in the arena. */
const char *text_of_time(struct arena *a, int64_t us, const char *tail);
/* What people are told of a failure: the cause as a sentence, then "Next: " and the step that mends it, unless the cause
 * names one already. */
#define TEXT_NEXT "Next: "
const char *text_with_next(struct arena *a, const char *cause, const char *next);

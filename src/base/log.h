/* log.h - one line a fact, key=value, to standard error.
 *
 * A failure is logged once, at the top, with the request's id.  Control characters are escaped: nothing that a
 * client sent can forge a line.  Secrets are never passed to these functions. */
#pragma once
#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below 'level' are dropped; the default is LOG_INFO, or what ALAMO_LOG names (debug, info, warn, error). */
void log_level_set(enum log_level level);
void log_line(enum log_level level, const char *module, const char *fmt, ...) PRINTF(3, 4);

/* In a file: LOG_MODULE("compute") once, then these. */
#define LOG_MODULE(name) static const char log_module_[] = name
#define log_debug(...) log_line(LOG_DEBUG, log_module_, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, log_module_, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, log_module_, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, log_module_, __VA_ARGS__)

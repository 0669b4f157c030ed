/*
 * log: one line per event on stderr, `time level process event key=value ...`, or one JSON object a
 *line. Never a token, a key or a message's content.  Any thread.
 *
 *	log_warn("link_closed", "edge=%u reason=%s", id, "credit");
 *
 * event is a literal word; the rest is printf text of key=value pairs.  A value that may hold a
 *blank, a quote or a control character (whatever a peer sent) is passed through log_quote().
 */
#ifndef POSTERN_COMMON_LOG_H
#define POSTERN_COMMON_LOG_H

#include <stdbool.h>

#include "common/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* process is a literal, kept.  From here on SIGPIPE is ignored, and a reader of stderr that is gone
 * or slow costs lines (counted, told later), never time. */
void log_open(const char *process, enum log_level level, bool json);
bool log_is_on(enum log_level level);
void log_line(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_line(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_line(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)                                                                      \
	do {                                                                                       \
		if (log_is_on(LOG_DEBUG))                                                          \
			log_line(LOG_DEBUG, event, __VA_ARGS__);                                   \
	} while (0)

/*
 * For lines that a peer can trigger: at most 10 a second per place, the number left out is printed
 * with the next one.   LOG_LIMITED(LOG_WARN, "bad_frame", "conn=%s", id);
 */
struct log_limit {
	long long second;
	unsigned count;
	unsigned left_out;
};
bool log_limit_pass(struct log_limit *limit);
#define LOG_LIMITED(level, event, ...)                                                             \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		if (log_is_on(level) && log_limit_pass(&limit_))                                   \
			log_line(level, event, __VA_ARGS__);                                       \
	} while (0)

/* Writes s into buf, cut to fit, and returns buf: as it is when it is one plain word, else in
 * quotes, with all but printable ASCII as \xHH (quotes and backslashes too).  Always terminated. */
const char *log_quote(char *buf, size_t size, struct slice s);

#endif

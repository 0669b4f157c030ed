/*
 * A line is built on the stack and leaves with one write(2).  It is at most PIPE_BUF bytes and
 * stderr is polled first: a pipe then takes it whole or not at all, so lines of several processes
 * never mix and a reader that has stopped reading costs lines, not the event loop.  What was
 * dropped is counted and told with the next line that gets through.
 *
 * The JSON form is made from the same text: pairs become members, all of them strings.
 */
#include "common/log.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_BYTES = PIPE_BUF,
	/* Members at worst double a text, and the time and the names want some room. */
	JSON_TEXT_BYTES = 1800,
	EVENT_BYTES = 64,
	LINES_PER_SECOND = 10,
};

/* The one global of the project. */
static struct {
	const char *process;
	_Atomic enum log_level level;
	bool json;
	atomic_ullong dropped;
} logger = {.process = "postern", .level = LOG_INFO};

/* What the LOG_LIMITED() that is about to print has left out. */
static _Thread_local unsigned left_out_before;

struct line {
	size_t len;
	size_t max;
	char text[LINE_BYTES];
};

void log_open(const char *process, enum log_level level, bool json)
{
	logger.process = process;
	logger.level = level;
	logger.json = json;
	/* A log reader that goes away must not take the daemon with it. */
	signal(SIGPIPE, SIG_IGN);
}

bool log_is_on(enum log_level level)
{
	return level <= logger.level;
}

static void line_add(struct line *l, const char *text, size_t len)
{
	if (len > l->max - l->len)
		len = l->max - l->len;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void line_add_text(struct line *l, const char *text)
{
	line_add(l, text, strlen(text));
}

static void line_vprintf(struct line *l, const char *format, va_list args)
{
	size_t room = l->max - l->len;
	int n = room == 0 ? 0 : vsnprintf(l->text + l->len, room, format, args);

	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void line_printf(struct line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void line_printf(struct line *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_vprintf(l, format, args);
	va_end(args);
}

/* Whatever slipped past log_quote() still cannot end the line or steer a terminal. */
static void make_plain(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 0x7f)
			text[i] = '?';
	}
}

static void add_time(struct line *l)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	line_printf(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
		utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARN:
		return "warn";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "error";
}

/* The text is printable ASCII already. */
static void add_json_text(struct line *l, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			line_add(l, "\\", 1);
		line_add(l, text + i, 1);
	}
}

/* Length of the key of a pair that starts at text, or 0: the word is no pair. */
static size_t key_len(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return text[n] == '=' ? n : 0;
}

static bool is_own_member(const char *key, size_t len)
{
	static const char *const own[] = {"time", "level", "process", "event", "text"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (slice_is((struct slice){key, len}, own[i]))
			return true;
	}
	return false;
}

/* A keyed value's length and where its text lies in it: between quotes, or up to the next pair. */
static size_t value_len(const char *at, bool keyed, struct slice *out)
{
	const char *end;

	if (keyed && at[0] == '"') {
		end = strchrnul(at + 1, '"');
		*out = (struct slice){at + 1, (size_t)(end - at - 1)};
		return (size_t)(end - at) + (*end == '"' ? 1 : 0);
	}
	/* A text with blanks (strerror) belongs to the key before it. */
	end = strchrnul(at, ' ');
	while (*end == ' ' && end[1] != '\0' && key_len(end + 1) == 0)
		end = strchrnul(end + 1, ' ');
	*out = (struct slice){at, (size_t)(end - at)};
	while (out->len > 0 && at[out->len - 1] == ' ')
		out->len--;
	return (size_t)(end - at);
}

static void add_json_pairs(struct line *l, const char *text)
{
	bool has_text = false;

	while (*(text += strspn(text, " ")) != '\0') {
		size_t n = key_len(text);
		const char *key = text;
		struct slice value;

		text += n > 0 ? n + 1 : 0;
		text += value_len(text, n > 0, &value);
		if (n == 0 && has_text)
			continue;
		has_text = has_text || n == 0;
		if (n + 2 * value.len + sizeof(",\"text_\":\"\"}") > l->max - l->len)
			break;
		line_add_text(l, ",\"");
		line_add(l, n > 0 ? key : "text", n > 0 ? n : 4);
		/* never a member that is there twice */
		line_add_text(l, is_own_member(key, n) ? "_\":\"" : "\":\"");
		add_json_text(l, value.data, value.len);
		line_add_text(l, "\"");
	}
}

static void write_line(struct line *l)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	l->text[l->len++] = '\n';
	if (poll(&fd, 1, 0) != 1 || (fd.revents & POLLOUT) == 0 ||
		write(STDERR_FILENO, l->text, l->len) != (ssize_t)l->len)
		atomic_fetch_add(&logger.dropped, 1);
}

static void make_line(struct line *out, enum log_level level, const char *event, const char *text)
{
	out->len = 0;
	out->max = LINE_BYTES - 1; /* the line feed */
	if (!logger.json) {
		add_time(out);
		line_printf(
			out, " %s %s %.*s", level_name(level), logger.process, EVENT_BYTES, event);
		if (text[0] != '\0')
			line_add_text(out, " ");
		line_add_text(out, text);
		return;
	}
	line_add_text(out, "{\"time\":\"");
	add_time(out);
	line_printf(out, "\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%.*s\"",
		level_name(level), logger.process, EVENT_BYTES, event);
	add_json_pairs(out, text);
	line_add_text(out, "}");
}

static void tell_dropped(void)
{
	unsigned long long dropped = atomic_exchange(&logger.dropped, 0);
	struct line line;
	char text[48];

	if (dropped == 0)
		return;
	snprintf(text, sizeof(text), "lines=%llu", dropped);
	make_line(&line, LOG_WARN, "log_dropped", text);
	write_line(&line);
	/* When that one was dropped as well, it stands for what it would have told. */
	if (atomic_load(&logger.dropped) > 0)
		atomic_fetch_add(&logger.dropped, dropped - 1);
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
	unsigned left_out = left_out_before;
	struct line text = {.max = logger.json ? JSON_TEXT_BYTES : LINE_BYTES - 256};
	struct line line;
	va_list args;

	left_out_before = 0;
	if (!log_is_on(level))
		return;
	if (left_out > 0)
		line_printf(&text, "left_out=%u ", left_out);
	va_start(args, format);
	line_vprintf(&text, format, args);
	va_end(args);
	make_plain(text.text, text.len);
	text.text[text.len] = '\0';
	tell_dropped();
	make_line(&line, level, event, text.text);
	write_line(&line);
}

bool log_limit_pass(struct log_limit *limit)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct timespec now;
	bool pass;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	if (limit->second != (long long)now.tv_sec) {
		limit->second = (long long)now.tv_sec;
		limit->count = 0;
	}
	pass = limit->count < LINES_PER_SECOND;
	if (pass) {
		limit->count++;
		left_out_before = limit->left_out;
		limit->left_out = 0;
	} else {
		limit->left_out++;
	}
	pthread_mutex_unlock(&lock);
	return pass;
}

static bool needs_quotes(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f || s.data[i] == '"' ||
			s.data[i] == '\\' || s.data[i] == '=')
			return true;
	}
	return s.len == 0;
}

const char *log_quote(char *buf, size_t size, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	const bool quoted = needs_quotes(s) && size >= 3;
	size_t n = 0;

	if (size == 0)
		return "";
	if (quoted)
		buf[n++] = '"';
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		/* No quote inside quotes: a reader needs no grammar to find the end. */
		bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';

		if (n + (plain ? 1 : 4) + (quoted ? 2 : 1) > size)
			break;
		if (plain) {
			buf[n++] = (char)c;
			continue;
		}
		buf[n++] = '\\';
		buf[n++] = 'x';
		buf[n++] = digits[c >> 4];
		buf[n++] = digits[c & 15];
	}
	if (quoted)
		buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

/*
 * mark: what every message of the load carries: when it was sent, its number, its sender.
 */
#ifndef POSTERN_BENCH_MARK_H
#define POSTERN_BENCH_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MARK_BYTES = 36 };

struct mark {
	int64_t sent_ns;
	uint32_t number;
	uint32_t sender;
};

/* Fills out with a mark and x to size bytes, which are at least MARK_BYTES, and a NUL. */
void mark_write(char *out, size_t size, const struct mark *m);
/* From a frame; false: it has none. */
bool mark_read(const char *text, size_t len, struct mark *out);

#endif

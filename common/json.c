/*
 * jansson parses by recursion, and its own bound on depth is fixed at 2,048.  A text from a
 * stranger is measured first: brackets outside of strings are counted, which needs no parser and is
 * exact for every text that is JSON at all.
 */
#include "common/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/random.h>

/* Left alone, jansson opens /dev/urandom at the first object; a walled-in process has no files. */
static void seed_once(void)
{
	size_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) && seed != 0)
		json_object_seed(seed);
}

static bool is_too_deep(struct slice text, unsigned max_depth)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > max_depth)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

enum json_result json_read(struct slice text, unsigned max_depth, json_t **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
	json_t *value;

	if (text.len == 0)
		return JSON_BAD;
	if (is_too_deep(text, max_depth))
		return JSON_TOO_DEEP;
	pthread_once(&once, seed_once);
	value = json_loadb(text.data, text.len, flags, NULL);
	if (value == NULL)
		return JSON_BAD;
	*out = value;
	return JSON_READ;
}

static int on_json_piece(const char *data, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_add(b, (struct slice){data, len});
	return b->failed ? -1 : 0;
}

void json_write(struct buf *b, const json_t *value)
{
	if (json_dump_callback(value, on_json_piece, b, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		b->failed = true;
}

struct slice json_text(const json_t *obj, const char *key)
{
	const json_t *value = json_object_get(obj, key);

	if (!json_is_string(value))
		return (struct slice){NULL, 0};
	return (struct slice){json_string_value(value), json_string_length(value)};
}

/*
 * One place for the character sets.  Plain ASCII and no locale: what is a letter here is a letter
 * in every process and in every client's check.
 */
#include "proto/names.h"

#include <stddef.h>

#include "proto/limits.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_made_of(struct slice s, size_t max_bytes, const char *others)
{
	if (s.len == 0 || s.len > max_bytes)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		/* strchr() would find the terminator for a NUL */
		if (!is_alnum(s.data[i]) &&
			(s.data[i] == '\0' || strchr(others, s.data[i]) == NULL))
			return false;
	}
	return true;
}

bool name_is_uid(struct slice s)
{
	return is_made_of(s, UID_MAX_BYTES, "._@:-");
}

bool name_is_device(struct slice s)
{
	return is_made_of(s, DEVICE_MAX_BYTES, "_-");
}

bool name_is_event(struct slice s)
{
	return is_made_of(s, EVENT_MAX_BYTES, "_.:-");
}

bool name_is_mid(struct slice s)
{
	return is_made_of(s, MID_MAX_BYTES, "_.:-");
}

bool name_is_reserved_event(struct slice s)
{
	static const char *const reserved[] = {
		"ack",
		"chat",
		"exception",
		"goaway",
		"gone",
		"heartbeat",
		"identity",
		"presence",
		"ready",
		"reset",
		"typing",
	};
	static const char family[] = "auth.";

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (slice_is(s, reserved[i]))
			return true;
	}
	return s.len >= sizeof(family) - 1 && memcmp(s.data, family, sizeof(family) - 1) == 0;
}

bool name_is_number(struct slice s)
{
	if (s.len == 0 || s.len > 15 || (s.len > 1 && s.data[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	}
	return true;
}

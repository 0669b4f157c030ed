/* The plain model of what clients read. */
#include <stdio.h>

#include "core_model_inner.h"

const char *model_json_uid(const char *uid, char out[32])
{
	bool number = strlen(uid) <= 15 && (uid[0] != '0' || uid[1] == '\0');

	for (const char *p = uid; *p != '\0'; p++)
		number = number && *p >= '0' && *p <= '9';
	snprintf(out, 32, number ? "%s" : "\"%s\"", uid);
	return out;
}

/* text is data with a number and the rest; where the plain form ends. */
static size_t numbered(
	char text[MODEL_TEXT_BYTES], const char *data, uint64_t seq, const char *rest)
{
	size_t n = (size_t)snprintf(text, MODEL_TEXT_BYTES, "%s,\"seq\":%lu", data, seq);

	snprintf(text + n, MODEL_TEXT_BYTES - n, "%s", rest);
	return n;
}

size_t model_text(const struct model *m, const struct model_message *msg, enum model_view view,
	char text[MODEL_TEXT_BYTES])
{
	char f[32];
	char t[32];
	char data[160];
	char rest[140];

	snprintf(rest, sizeof(rest), "%s,\"mid\":\"%s\",\"ts\":%ld%s",
		view == MODEL_TO_ALL ? ",\"st\":\"s\"" : "", msg->mid, msg->ts_ms,
		view == MODEL_CARBON ? ",\"carbon\":true" : "");
	if (msg->is_push)
		snprintf(
			data, sizeof(data), "{\"event\":\"%s\",\"data\":%s", msg->event, msg->body);
	else if (view == MODEL_CARBON)
		snprintf(data, sizeof(data),
			"{\"event\":\"chat\",\"data\":{\"toUser\":%s,\"content\":\"%s\","
			"\"fromUser\":%s}",
			model_json_uid(m->users[msg->to].uid, t), msg->body,
			model_json_uid(m->users[msg->from].uid, f));
	else
		snprintf(data, sizeof(data),
			"{\"event\":\"chat\",\"data\":{\"fromUser\":%s,\"content\":\"%s\"}",
			model_json_uid(m->users[msg->from].uid, f), msg->body);
	return numbered(text, data, view == MODEL_CARBON ? msg->seq_from : msg->seq_to, rest);
}

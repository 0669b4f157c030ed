/*
 * A fixed head (kind, lengths, numbers) and then the strings.  Fixed numbers cost some bytes more
 * than variable ones and leave nothing to be parsed wrong: a length that does not add up is no
 * record.
 */
#include "router/store_record.h"

#define AT_KIND 0
#define AT_TO_LEN 1
#define AT_FROM_LEN 2
#define AT_DEVICE_LEN 3
#define AT_MID_LEN 4
#define AT_EVENT_LEN 5
#define AT_BODY_LEN 6 /* 4 bytes */
#define AT_PLACES 10  /* 6 numbers */
#define AT_TIMES 58   /* 2 numbers */
#define HEAD_BYTES 74

void store_put_u64(char *out, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (char)(unsigned char)(value >> (8 * i));
}

uint64_t store_get_u64(const char *in)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)(unsigned char)in[i] << (8 * i);
	return value;
}

size_t store_record_size(const struct message *m)
{
	return HEAD_BYTES + m->to.len + m->from.len + m->device.len + m->mid.len + m->event.len +
	       m->body.len;
}

static char *add(char *out, struct slice s)
{
	if (s.len > 0)
		memcpy(out, s.data, s.len);
	return out + s.len;
}

static void place_put(char *out, const struct message_place *p)
{
	store_put_u64(out, p->seq);
	store_put_u64(out + 8, p->rows);
	store_put_u64(out + 16, p->bytes);
}

static struct message_place place_get(const char *in)
{
	return (struct message_place){
		store_get_u64(in), store_get_u64(in + 8), store_get_u64(in + 16)};
}

void store_record_encode(const struct message *m, char *out)
{
	out[AT_KIND] = (char)m->kind;
	out[AT_TO_LEN] = (char)(unsigned char)m->to.len;
	out[AT_FROM_LEN] = (char)(unsigned char)m->from.len;
	out[AT_DEVICE_LEN] = (char)(unsigned char)m->device.len;
	out[AT_MID_LEN] = (char)(unsigned char)m->mid.len;
	out[AT_EVENT_LEN] = (char)(unsigned char)m->event.len;
	for (unsigned i = 0; i < 4; i++)
		out[AT_BODY_LEN + i] = (char)(unsigned char)(m->body.len >> (8 * i));
	place_put(out + AT_PLACES, &m->at_to);
	place_put(out + AT_PLACES + 24, &m->at_from);
	store_put_u64(out + AT_TIMES, (uint64_t)m->ts_ms);
	store_put_u64(out + AT_TIMES + 8, (uint64_t)m->expires_ms);
	out = add(out + HEAD_BYTES, m->to);
	out = add(out, m->from);
	out = add(out, m->device);
	out = add(out, m->mid);
	out = add(out, m->event);
	(void)add(out, m->body);
}

static struct slice take(const char **in, size_t len)
{
	struct slice s = {*in, len};

	*in += len;
	return s;
}

bool store_record_decode(struct slice bytes, struct message *out)
{
	const unsigned char *head = (const unsigned char *)bytes.data;
	const char *in = bytes.data + HEAD_BYTES;
	size_t body = 0, strings = 0;

	if (bytes.len < HEAD_BYTES || head[AT_KIND] > MESSAGE_PUSH)
		return false;
	for (unsigned i = 0; i < 4; i++)
		body |= (size_t)head[AT_BODY_LEN + i] << (8 * i);
	for (unsigned i = AT_TO_LEN; i <= AT_EVENT_LEN; i++)
		strings += head[i];
	if (bytes.len != HEAD_BYTES + strings + body)
		return false;
	out->kind = (enum message_kind)head[AT_KIND];
	out->at_to = place_get(bytes.data + AT_PLACES);
	out->at_from = place_get(bytes.data + AT_PLACES + 24);
	out->ts_ms = (int64_t)store_get_u64(bytes.data + AT_TIMES);
	out->expires_ms = (int64_t)store_get_u64(bytes.data + AT_TIMES + 8);
	out->to = take(&in, head[AT_TO_LEN]);
	out->from = take(&in, head[AT_FROM_LEN]);
	out->device = take(&in, head[AT_DEVICE_LEN]);
	out->mid = take(&in, head[AT_MID_LEN]);
	out->event = take(&in, head[AT_EVENT_LEN]);
	out->body = take(&in, body);
	return true;
}

/*
 * bus_rig: one loop, one bus and one directory for the tests of the bus, peers that speak NNG's
 * framing by hand, and waiting for what must happen.
 */
#ifndef POSTERN_TESTS_UNIT_BUS_RIG_H
#define POSTERN_TESTS_UNIT_BUS_RIG_H

#include "common/bus.h"
#include "tests/unit/test.h"

/* For cmocka_run_group_tests(). */
int rig_start(void **state);
int rig_stop(void **state);
/* Fails also when memory was lost; for tests that give NNG 1.5 no chance to lose any. */
int rig_stop_without_leaks(void **state);

struct bus *rig_bus(void);
uv_loop_t *rig_loop(void);
/* A path that was not used before; valid until the next 64. */
const char *rig_path(void);

/* Runs the loop until done(arg), or until *value is wanted or more; fails the test after 20 s. */
void rig_wait_at(bool (*done)(void *arg), void *arg, const char *file, int line);
void rig_wait_count_at(const unsigned *value, unsigned wanted, const char *file, int line);
#define rig_wait(done, arg) rig_wait_at(done, arg, __FILE__, __LINE__)
#define rig_wait_count(value, wanted) rig_wait_count_at(value, wanted, __FILE__, __LINE__)
/* Runs the loop until a timer of ms has fired. */
void rig_run_ms(unsigned ms);
/* Runs the loop until the process has at most n descriptors. */
void rig_wait_for_fds(size_t n);
size_t rig_count_fds(void);

/* A socket and what it heard, the arg of its bus_options.  Sockets outlive the test: make it
 * static. */
struct side {
	struct bus_socket *socket;
	uint32_t pipe; /* of the last on_up */
	unsigned ups;
	unsigned downs;
	unsigned messages;
	unsigned sent;	   /* on_sent(true) */
	unsigned not_sent; /* on_sent(false) */
	uint64_t next;	   /* the number that the next message must begin with */
	unsigned disorder; /* messages out of order, or outside of their pipe's life */
	bool is_up;
	size_t last_len;
	/* Called after the counting; may be NULL. */
	void (*hook)(struct side *side);
	bool echo; /* REP: answers what was asked; else requests are kept */
	struct bus_request *kept[8];
	uint64_t kept_number[8];
	unsigned n_kept;
	void *user;
};

/* Options with every callback, max_message 64 KiB, mode 0600, 8 contexts. */
struct bus_options side_options(struct side *side, enum bus_pattern pattern);
void side_listen(struct side *side, enum bus_pattern pattern, const char *path);
void side_dial(struct side *side, enum bus_pattern pattern, const char *path);
/* A message of len bytes (8 at least) that begins with number. */
bool side_send(struct side *side, uint64_t number, size_t len);
struct bus_msg *rig_message(uint64_t number, size_t len);

/* What an ask came to. */
struct verdict {
	bool done;
	enum bus_answer_result result;
	uint64_t number;
	size_t len;
};
void verdict_take(void *verdict, enum bus_answer_result result, struct slice answer);
void verdict_wait(struct verdict *v);

/* Peers by hand. */
enum raw_protocol {
	RAW_PAIR1 = 0x11,
	RAW_PUB = 0x20,
	RAW_SUB = 0x21,
	RAW_REQ = 0x30,
	RAW_REP = 0x31
};
int raw_connect(const char *path);
/* Sends the greeting and reads the other's. */
void raw_greet(int fd, enum raw_protocol protocol);
/* Connects and greets until server has let it in: a PAIR refuses while its last peer is not quite
 * gone. */
int raw_enter(const char *path, enum raw_protocol protocol, const struct side *server);
/* Announces a message of len bytes and sends the first n of zeros. */
void raw_frame(int fd, uint64_t len, size_t n);
/* Runs the loop until the other end has closed fd. */
void raw_wait_closed(int fd);

#endif

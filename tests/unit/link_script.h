/*
 * link_script: a router that is written down, for the edge's live half: real sockets, one lease,
 * items counted and the last of each kept; answers are the test's to say.
 */
#ifndef POSTERN_TESTS_UNIT_LINK_SCRIPT_H
#define POSTERN_TESTS_UNIT_LINK_SCRIPT_H

#include "common/bus.h"
#include "link.pb-c.h"

struct link_script {
	uint32_t wire; /* the newest that it understands */
	const char *hello_path;
	const char *link_path;
	const char *system_path;
	struct bus_socket *link;
	uint32_t pipe;
	uint32_t link_wire;
	uint64_t sent;
	uint64_t seen;
	unsigned firsts; /* batches with number 1: a link was claimed */
	unsigned opens;
	unsigned sends;
	unsigned pushes;
	unsigned closes;
	uint64_t nonce; /* of the last OPEN, and so on */
	uint64_t session;
	uint64_t ref;
	uint64_t closed;
	Pb__Dialect dialect;
	char text[256];
};

extern struct link_script router;

/* After rig_start().  0 or -errno. */
int link_script_start(void);
/* Its end of the link breaks. */
void link_script_break(void);
/* The same, and the router understands no more than wire when the edge comes back. */
void link_script_come_back(uint32_t wire);

void say_opened(uint64_t nonce, uint64_t session);
void say_refused(uint64_t nonce, unsigned code);
void say_shut(uint64_t session, unsigned code);
void say_result(Pb__DownResult *result);

#endif

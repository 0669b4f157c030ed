/*
 * assets: the files of the dashboard, made part of the program by embed.cmake.
 */
#ifndef POSTERN_ROUTER_ASSETS_H
#define POSTERN_ROUTER_ASSETS_H

#include <stddef.h>

struct asset {
	const char *path; /* on the page; NULL ends the list */
	const char *type;
	const unsigned char *data;
	size_t len;
};

extern const struct asset assets[];

#endif

/*
 * Links have new random names at each start, so the old ones would pile up.
 */
#include "router/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_HEX 32

static bool is_link_name(const char *name)
{
	const char *rest = name + NAME_HEX;

	return strspn(name, "0123456789abcdef") == NAME_HEX &&
	       (strcmp(rest, ".sock") == 0 || strcmp(rest, ".sock.lock") == 0);
}

int sweep_links(const char *run)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/router/link", run) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (is_link_name(entry->d_name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	return 0;
}

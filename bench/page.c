/*
 * page: one blocking GET on loopback.
 */
#include "bench/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/client.h"

void page_read(struct page *p, const char *address)
{
	static const char request[] =
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	struct sockaddr_in server = address_parse(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval second = {.tv_sec = 1};
	ssize_t n;

	p->len = 0;
	p->text[0] = '\0';
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0 &&
		send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0)
		while ((n = recv(fd, p->text + p->len, sizeof(p->text) - 1 - p->len, 0)) > 0)
			p->len += (size_t)n;
	close(fd);
	p->text[p->len] = '\0';
}

uint64_t page_get(const struct page *p, const char *name)
{
	const char *line = strstr(p->text, "\r\n\r\n");
	char full[128];
	size_t len = (size_t)snprintf(full, sizeof(full), "postern_%s", name);
	uint64_t sum = 0;

	while (line != NULL) {
		line += strspn(line, "\r\n");
		if (strncmp(line, full, len) == 0 && (line[len] == ' ' || line[len] == '{')) {
			const char *value = line + strcspn(line, "\n");

			while (value[-1] != ' ')
				value--;
			sum += strtoull(value, NULL, 10);
		}
		line = strchr(line, '\n');
	}
	return sum;
}

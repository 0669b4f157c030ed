/*
 * measure: reads /proc for the CPU time of the processes under load.  schedstat counts nanoseconds
 * on the run queue's own clock, so short runs are not lost between two ticks.
 */
#include "bench/measure.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int watched_parse(struct watched *w, const char *list)
{
	const char *at = list;

	w->n = 0;
	while (*at != '\0') {
		char *end;
		long pid = strtol(at, &end, 10);

		if (end == at || pid <= 0 || w->n == MAX_PIDS || (*end != ',' && *end != '\0'))
			return -1;
		w->pids[w->n++] = (pid_t)pid;
		at = *end == ',' ? end + 1 : end;
	}
	return 0;
}

static int64_t thread_cpu_ns(pid_t pid, const char *tid)
{
	char path[300];
	int64_t ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, tid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNd64, &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

int64_t watched_one_cpu_ns(const struct watched *w, size_t i)
{
	int64_t sum = 0;
	char path[64];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)w->pids[i]);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			sum += thread_cpu_ns(w->pids[i], entry->d_name);
	closedir(dir);
	return sum;
}

int64_t watched_cpu_ns(const struct watched *w)
{
	int64_t sum = 0;

	for (size_t i = 0; i < w->n; i++)
		sum += watched_one_cpu_ns(w, i);
	return sum;
}

int64_t watched_rss_bytes(const struct watched *w, size_t i)
{
	char path[64], line[256];
	int64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)w->pids[i]);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %" SCNd64, &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}

void samples_add(struct samples *s, int64_t ns)
{
	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 4096 : 2 * s->cap;
		int64_t *at = realloc(s->at, cap * sizeof(*at));

		if (at == NULL)
			return; /* a sample less, and the run goes on */
		s->at = at;
		s->cap = cap;
	}
	s->at[s->n++] = ns;
}

void samples_clear(struct samples *s)
{
	s->n = 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t samples_percentile(struct samples *s, double p)
{
	if (s->n == 0)
		return 0;
	qsort(s->at, s->n, sizeof(*s->at), compare);
	return s->at[(size_t)((double)(s->n - 1) * p / 100)];
}

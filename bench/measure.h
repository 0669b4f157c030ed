/*
 * measure: clocks, percentiles, and what other processes have used.  One thread.
 */
#ifndef POSTERN_BENCH_MEASURE_H
#define POSTERN_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CLOCK_MONOTONIC */
int64_t now_ns(void);

#define MAX_PIDS 64

/* Processes whose CPU time and memory are charged to the server. */
struct watched {
	pid_t pids[MAX_PIDS];
	size_t n;
};

/* "12,13,14"; 0, or -1 when it is no such list. */
int watched_parse(struct watched *w, const char *list);
/* CPU time of all threads of all of them, in ns (schedstat). */
int64_t watched_cpu_ns(const struct watched *w);
/* The same of the i-th alone. */
int64_t watched_one_cpu_ns(const struct watched *w, size_t i);
/* Resident bytes of the i-th (VmRSS). */
int64_t watched_rss_bytes(const struct watched *w, size_t i);

/* Samples in ns, kept as they are and sorted once at the end. */
struct samples {
	int64_t *at;
	size_t n;
	size_t cap;
};

void samples_add(struct samples *s, int64_t ns);
/* Forgets them. */
void samples_clear(struct samples *s);
/* p in 0..100; 0 when there are none.  Sorts. */
int64_t samples_percentile(struct samples *s, double p);

#endif

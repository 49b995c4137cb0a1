// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify.c - a process that proves that the guest's memory keeps what is written to it.
 *
 * Theory of operation: an area of whole chunks of 2 MiB, the size of a huge page; half of them
 * may be huge pages, half are not. Each pass visits all chunks in a new random order; a visit
 * checks every page against the generation last written and writes the next one. Now and then a visit unmaps the chunk and maps it afresh, so that its pages travel
 * through the free lists and others come in their place, which must read zero; or it forks a
 * child that checks the old generation while the parent writes the new one, so that pages are
 * copied. Results are in memory shared with process 1. The first wrong word is kept; a page
 * that was wrong is written afresh and checking goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fb_init.h"

/* Of a part of a huge page that is unmapped, the kernel frees nothing for a long time. */
#define FB_CHUNK_MIB 2
#define FB_CHUNK_BYTES (FB_CHUNK_MIB * FB_MIB)
#define FB_CHUNK_PAGES (FB_CHUNK_BYTES / FB_GUEST_PAGE_SIZE)
#define FB_REMAP_ONE_IN 16
#define FB_FORK_ONE_IN 64

/* Shared between process 1, which writes the rate alone, and the verifying process. */
struct fb_verify_result {
	volatile unsigned int rate_mib_s; /* 0: as fast as it can */
	uint64_t passes;
	uint64_t pages_checked;
	uint64_t remaps;
	uint64_t forks;
	uint64_t mismatches;
	uint64_t bad_page; /* of the first mismatch, as the next four */
	uint64_t bad_word;
	uint64_t expected;
	uint64_t found;
	uint64_t bad_generation;
};

struct fb_verify {
	struct fb_verify_result *result;
	unsigned char *area;
	uint32_t *generations; /* of each page; 0: never written since it was mapped */
	uint32_t *order;       /* of the chunks in this pass */
	size_t chunks;
	uint64_t random;
	pid_t pid;
	uint64_t next_ns; /* when the next chunk is due, where the rate is limited */
};

static struct fb_verify fb_verify;

static void fb_note_mismatch(struct fb_verify_result *result, uint64_t page, size_t word,
			     uint64_t expected, uint64_t found, uint32_t generation)
{
	if (!result->mismatches++) {
		result->bad_page = page;
		result->bad_word = word;
		result->expected = expected;
		result->found = found;
		result->bad_generation = generation;
	}
}

static uint64_t *fb_page_words(struct fb_verify *v, uint64_t page)
{
	return (uint64_t *)(v->area + page * FB_GUEST_PAGE_SIZE);
}

static void fb_check_page(struct fb_verify *v, uint64_t page)
{
	uint64_t *words = fb_page_words(v, page);
	uint64_t expected;
	size_t word;

	if (!fb_pattern_check(words, page, v->generations[page], &word, &expected))
		fb_note_mismatch(v->result, page, word, expected, words[word],
				 v->generations[page]);
}

/* A page that was mapped afresh must be empty. The write comes first: a read maps no memory. */
static void fb_check_empty_page(struct fb_verify *v, uint64_t page)
{
	volatile uint64_t *words = fb_page_words(v, page);

	words[0] = 1;
	for (size_t i = 1; i < FB_GUEST_PAGE_SIZE / sizeof(*words); i++) {
		if (words[i]) {
			fb_note_mismatch(v->result, page, i, 0, words[i], 0);
			return;
		}
	}
}

static void fb_visit_page(struct fb_verify *v, uint64_t page)
{
	if (v->generations[page])
		fb_check_page(v, page);
	else
		fb_check_empty_page(v, page);
	v->generations[page]++;
	fb_pattern_write(fb_page_words(v, page), page, v->generations[page]);
	v->result->pages_checked++;
}

/* Map a chunk, in whatever was mapped there before. */
static int fb_map_chunk(struct fb_verify *v, size_t chunk)
{
	unsigned char *start = v->area + chunk * FB_CHUNK_BYTES;

	if (mmap(start, FB_CHUNK_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	if (madvise(start, FB_CHUNK_BYTES, chunk % 2 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		return -errno;
	return 0;
}

static void fb_remap_chunk(struct fb_verify *v, size_t chunk)
{
	for (uint64_t i = 0; i < FB_CHUNK_PAGES; i++)
		fb_check_page(v, chunk * FB_CHUNK_PAGES + i);
	munmap(v->area + chunk * FB_CHUNK_BYTES, FB_CHUNK_BYTES);
	if (fb_map_chunk(v, chunk))
		_exit(1);
	memset(v->generations + chunk * FB_CHUNK_PAGES, 0,
	       FB_CHUNK_PAGES * sizeof(*v->generations));
	v->result->remaps++;
}

/* The child sees the chunk as it is now, whatever the parent writes meanwhile. */
static pid_t fb_fork_checker(struct fb_verify *v, size_t chunk)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (uint64_t i = 0; i < FB_CHUNK_PAGES; i++)
		fb_check_page(v, chunk * FB_CHUNK_PAGES + i);
	_exit(0);
}

static void fb_keep_rate(struct fb_verify *v)
{
	unsigned int rate_mib_s = v->result->rate_mib_s;
	struct timespec now, pause;
	uint64_t now_ns;

	if (!rate_mib_s)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (v->next_ns + FB_CHUNK_MIB * UINT64_C(50000000) < now_ns)
		v->next_ns = now_ns;
	v->next_ns += FB_CHUNK_MIB * UINT64_C(1000000000) / rate_mib_s;
	if (v->next_ns > now_ns) {
		pause.tv_sec = (time_t)((v->next_ns - now_ns) / 1000000000);
		pause.tv_nsec = (long)((v->next_ns - now_ns) % 1000000000);
		nanosleep(&pause, NULL);
	}
}

static void fb_visit_chunk(struct fb_verify *v, size_t chunk)
{
	bool written = v->generations[chunk * FB_CHUNK_PAGES] != 0;
	pid_t checker = -1;

	if (written && fb_random(&v->random) % FB_FORK_ONE_IN == 0)
		checker = fb_fork_checker(v, chunk);
	else if (written && fb_random(&v->random) % FB_REMAP_ONE_IN == 0)
		fb_remap_chunk(v, chunk);
	for (uint64_t i = 0; i < FB_CHUNK_PAGES; i++)
		fb_visit_page(v, chunk * FB_CHUNK_PAGES + i);
	if (checker > 0) {
		fb_wait_child(checker);
		v->result->forks++;
	}
	fb_keep_rate(v);
}

static void fb_verify_work(void *arg)
{
	struct fb_verify *v = arg;

	fb_set_oom_score(-1000);
	for (;;) {
		for (size_t i = v->chunks - 1; i > 0; i--) {
			size_t other = fb_random(&v->random) % (i + 1);
			uint32_t chunk = v->order[i];

			v->order[i] = v->order[other];
			v->order[other] = chunk;
		}
		for (size_t i = 0; i < v->chunks; i++)
			fb_visit_chunk(v, v->order[i]);
		v->result->passes++;
	}
}

static void *fb_map(size_t size, int sharing)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

/* Map the area at a multiple of a chunk's size; what is in front of it stays unused. */
static int fb_map_area(struct fb_verify *v, size_t chunks)
{
	unsigned char *room = mmap(NULL, (chunks + 1) * FB_CHUNK_BYTES, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t skew;

	if (room == MAP_FAILED)
		return -ENOMEM;
	skew = (uintptr_t)room % FB_CHUNK_BYTES;
	v->area = skew ? room + FB_CHUNK_BYTES - skew : room;
	for (size_t i = 0; i < chunks; i++) {
		if (fb_map_chunk(v, i))
			return -ENOMEM;
	}
	return 0;
}

/* The area of a verifier that has been stopped is kept: one of the same size takes it over. */
static int fb_verify_prepare(struct fb_verify *v, size_t chunks)
{
	size_t pages = chunks * FB_CHUNK_PAGES;

	if (!v->result)
		v->result = fb_map(sizeof(*v->result), MAP_SHARED);
	if (v->chunks != chunks) {
		if (v->chunks) {
			munmap(v->area, v->chunks * FB_CHUNK_BYTES);
			munmap(v->generations, v->chunks * FB_CHUNK_PAGES * sizeof(uint32_t));
			munmap(v->order, v->chunks * sizeof(uint32_t));
		}
		if (fb_map_area(v, chunks))
			return -ENOMEM;
		v->generations = fb_map(pages * sizeof(*v->generations), MAP_PRIVATE);
		v->order = fb_map(chunks * sizeof(*v->order), MAP_PRIVATE);
		v->chunks = chunks;
	}
	if (!v->result || !v->generations || !v->order)
		return -ENOMEM;
	memset(v->result, 0, sizeof(*v->result));
	for (size_t i = 0; i < chunks; i++)
		v->order[i] = (uint32_t)i;
	return 0;
}

/**
 * fb_verify_start() - start the verifying process.
 * @bytes: size of the area; rounded down to chunks.
 * @rate_mib_s: checks and rewrites at most this much a second; 0: no limit.
 *
 * Return: 0, -EEXIST where it runs already, or another -errno.
 */
int fb_verify_start(uint64_t bytes, unsigned int rate_mib_s)
{
	struct fb_verify *v = &fb_verify;
	pid_t pid;
	int rc;

	if (bytes < FB_CHUNK_BYTES)
		return -EINVAL;
	if (fb_job_running("verify"))
		return -EEXIST;
	rc = fb_verify_prepare(v, bytes / FB_CHUNK_BYTES);
	if (rc)
		return rc;
	v->result->rate_mib_s = rate_mib_s;
	v->random = FB_MIB ^ (uint64_t)getpid() ^ (uint64_t)time(NULL) << 8;
	pid = fb_job_start("verify", fb_verify_work, v);
	v->pid = pid;
	return pid < 0 ? (int)pid : 0;
}

/**
 * fb_verify_corrupt() - change a word of the verifying process's page @page behind its back.
 *
 * Proves that it notices. Return: 0, or -ESRCH, -EINVAL or the -errno of the write.
 */
int fb_verify_corrupt(uint64_t page)
{
	struct fb_verify *v = &fb_verify;
	uint64_t address = (uintptr_t)fb_page_words(v, page) + FB_GUEST_PAGE_SIZE / 2;
	uint64_t word = UINT64_C(0xbadbadbadbadbad);
	char path[32];
	int rc = 0;
	int fd;

	if (!fb_job_running("verify"))
		return -ESRCH;
	if (page >= v->chunks * FB_CHUNK_PAGES)
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%d/mem", v->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, &word, sizeof(word), (off_t)address) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

/** fb_verify_set_rate() - as fb_verify_start() says, while it runs. Returns 0 or -ESRCH. */
int fb_verify_set_rate(unsigned int rate_mib_s)
{
	if (!fb_verify.result)
		return -ESRCH;
	fb_verify.result->rate_mib_s = rate_mib_s;
	return 0;
}

/**
 * fb_verify_status() - describe in @text what the verifying process has found so far.
 *
 * Return: 0, or -ESRCH where none was started.
 */
int fb_verify_status(char *text, size_t size)
{
	const struct fb_verify_result *r = fb_verify.result;
	const char *state = fb_job_running("verify") ? "running" : "ended";
	int len;

	if (!r)
		return -ESRCH;
	len = snprintf(text, size,
		       "state=%s passes=%llu pages=%llu remaps=%llu forks=%llu lost=%llu", state,
		       (unsigned long long)r->passes, (unsigned long long)r->pages_checked,
		       (unsigned long long)r->remaps, (unsigned long long)r->forks,
		       (unsigned long long)r->mismatches);
	if (r->mismatches)
		snprintf(text + len, size - (size_t)len,
			 " page=%llu word=%llu generation=%llu expected=%llx found=%llx",
			 (unsigned long long)r->bad_page, (unsigned long long)r->bad_word,
			 (unsigned long long)r->bad_generation, (unsigned long long)r->expected,
			 (unsigned long long)r->found);
	return 0;
}

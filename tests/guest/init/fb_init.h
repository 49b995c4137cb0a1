/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fb_init.h - what the parts of the test guest's first process share.
 *
 * The guest runs one binary: process 1 mounts what it needs, loads the virtio modules and then
 * answers commands that the host sends over the second serial port, one at a time. Work that may
 * be killed for lack of memory, or that goes on while other commands run, is done by children.
 */
#ifndef FB_INIT_H
#define FB_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FB_GUEST_PAGE_SIZE ((size_t)4096)
#define FB_MIB (UINT64_C(1) << 20)

/* Exit status of a child that found wrong contents. */
#define FB_EXIT_LOST 3

/* channel.c: the line protocol, described there. */
int fb_channel_open(const char *path);
char *fb_channel_read_line(char *line, size_t size);
void fb_reply_text(const char *text, size_t len);
void fb_reply_ok(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fb_reply_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fb_channel_set_sequence(const char *sequence);

/* commands.c */
void fb_run_command(char *line);

/* modules.c */
int fb_load_module(const char *name, const char *params);
int fb_unload_module(const char *name);
void fb_load_boot_modules(void);

/* jobs.c: children that run until they are done or stopped. */
pid_t fb_job_start(const char *name, void (*work)(void *), void *arg);
bool fb_job_running(const char *name);
int fb_job_stop(const char *name);
int fb_wait_child(pid_t pid);
void fb_reap_children(void);
void fb_set_oom_score(int score);

/* memory.c */
int fb_touch(uint64_t bytes, unsigned int processes);
int fb_hold_start(uint64_t bytes);
int fb_fragment_start(uint64_t bytes, unsigned int keep_one_in);
int fb_storm_start(unsigned int processes, uint64_t bytes_each);

/* files.c */
int fb_files_make(uint64_t bytes);
int fb_files_thin(unsigned int keep_one_in);
int fb_cache_start(uint64_t bytes);
/* pageflags.c */
int64_t fb_pageflags_count(unsigned int bit, uint64_t first, uint64_t end);
int fb_check_fresh(uint64_t bytes);

/* pattern.c */
uint64_t fb_random(uint64_t *state);
void fb_pattern_write(uint64_t *words, uint64_t page, uint32_t generation);
bool fb_pattern_check(const uint64_t *words, uint64_t page, uint32_t generation, size_t *bad_word,
		      uint64_t *expected);

/* verify.c */
int fb_verify_start(uint64_t bytes, unsigned int rate_mib_s);
int fb_verify_corrupt(uint64_t page);
int fb_verify_set_rate(unsigned int rate_mib_s);
int fb_verify_status(char *text, size_t size);

/* workload.c */
int fb_work_start(uint64_t bytes_each);
int fb_work_status(char *text, size_t size);

#endif /* FB_INIT_H */

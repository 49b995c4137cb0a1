/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fastballoon_device.h - the hypervisor-independent virtio balloon device.
 *
 * The core knows the device's state, its buffers' formats and its rules; the hypervisor
 * gives it descriptor chains and serves it through struct fb_host_ops. It includes libc and
 * the wire format only, allocates nothing on a guest's behalf that is not bounded, and never
 * aborts on what a guest sends.
 *
 * Threads: all calls on one device are serialised by the hypervisor, with one exception: the
 * fb_hint_* functions touch only dev->hint and may run under a lock of their own.
 */
#ifndef FASTBALLOON_DEVICE_H
#define FASTBALLOON_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_fastballoon.h>

#define FB_PAGE_SHIFT VIRTIO_BALLOON_PFN_SHIFT
#define FB_PAGE_SIZE (UINT64_C(1) << FB_PAGE_SHIFT)

/* Highest statistics tag that is kept, plus one; Linux 6.12 sends tags 0 to 15. */
#define FB_STATS_MAX 16
/* A statistic that the guest has not sent. */
#define FB_STAT_UNSET UINT64_MAX

/**
 * struct fb_range - a contiguous piece of guest-physical memory.
 * @gpa: first byte.
 * @len: length in bytes.
 */
struct fb_range {
	uint64_t gpa;
	uint64_t len;
};

/**
 * struct fb_buffer - one descriptor chain, as the transport presents it.
 * @out: device-readable parts, mapped into the host's address space.
 * @out_count: elements of @out.
 * @in: device-writable parts as guest-physical ranges; not dereferenced by the core.
 * @in_count: elements of @in.
 */
struct fb_buffer {
	const struct iovec *out;
	unsigned int out_count;
	const struct fb_range *in;
	unsigned int in_count;
};

/**
 * struct fb_ram - the piece of guest RAM that holds an address.
 * @gpa: guest-physical address of the first byte of the piece.
 * @len: its length in bytes.
 * @host_page_size: smallest size that the host can discard in it, in bytes; a power of two
 *                  of at least FB_PAGE_SIZE.
 *
 * @gpa is the address of a whole host page; where @len is no multiple of @host_page_size, the
 * rest is never discarded. RAM that can't be discarded, such as the end of a host page whose
 * start lies elsewhere, is a piece shorter than @host_page_size.
 */
struct fb_ram {
	uint64_t gpa;
	uint64_t len;
	uint64_t host_page_size;
};

struct fb_ctrl_progress; /* below: what the driver says of its progress */
struct fb_ctrl_request;  /* below: what became of a request to the driver */

/**
 * struct fb_host_ops - what the core asks of the hypervisor.
 *
 * Every function takes the pointer given to fb_device_init(). None may call back into the
 * device, except that config_changed may read the configuration. Those marked (optional) may
 * be NULL.
 */
struct fb_host_ops {
	/*
	 * Find the RAM that holds @gpa. Returns 0, or -ENOENT where there is no ordinary
	 * writable RAM.
	 */
	int (*find_ram)(void *host, uint64_t gpa, struct fb_ram *ram);
	/*
	 * Give [gpa, gpa + len) back to the host; whole host pages inside one fb_ram. Returns 0,
	 * or a negative errno; the memory then counts as kept.
	 */
	int (*discard)(void *host, uint64_t gpa, uint64_t len);
	/*
	 * (optional) Back [gpa, gpa + len) with host memory before the driver learns that it has
	 * left the balloon; whole host pages inside one fb_ram. Its content must not change.
	 * Returns 0, or a negative errno; the memory then comes when the guest touches it.
	 * -EINPROGRESS: it goes on after the return; the host calls fb_device_populated() at its
	 * end, and keeps the buffer of the deflateq until then.
	 */
	int (*populate)(void *host, uint64_t gpa, uint64_t len);
	/* Whether discards are forbidden just now (device assignment, postcopy, snapshot). */
	bool (*inhibited)(void *host);
	/*
	 * Skip [gpa, gpa + len) in the migration round in progress; page-aligned. A hint skips;
	 * it never discards.
	 */
	void (*skip)(void *host, uint64_t gpa, uint64_t len);
	/* Tell the driver that the configuration space has changed. */
	void (*config_changed)(void *host);
	/* The driver has written another size of the balloon, in pages of FB_PAGE_SIZE. */
	void (*actual_changed)(void *host, uint32_t actual_pages);
	/* The guest broke a rule; @what is a constant string. The host limits the rate. */
	void (*guest_error)(void *host, const char *what);
	/* A clock that never goes back, in ms; needed where F_CTRL_VQ is offered. */
	uint64_t (*now_ms)(void *host);
	/* (optional) The driver has told its progress; at most once in FB_CTRL_PROGRESS_MS. */
	void (*progress_changed)(void *host, const struct fb_ctrl_progress *progress);
	/* (optional) A request was answered, or given up: see its state. */
	void (*request_done)(void *host, const struct fb_ctrl_request *request);
};

/**
 * struct fb_counters - what the device has done since it was created.
 *
 * Buffers, ranges and refusals count events; the others count bytes.
 */
struct fb_counters {
	uint64_t requests;          /* buffers handled on inflateq, deflateq and reporting queue */
	uint64_t ranges;            /* coalesced runs handled, each inside one piece of RAM */
	uint64_t inflated_bytes;    /* announced on the inflateq */
	uint64_t deflated_bytes;    /* announced on the deflateq */
	uint64_t reported_bytes;    /* reported free on the reporting queue */
	uint64_t discarded_bytes;   /* given back to the host, from any queue */
	uint64_t discard_failures;  /* discards that the host could not do */
	uint64_t failed_bytes;      /* not given back, since the host could not do it */
	uint64_t inhibited_bytes;   /* not given back, since discards were forbidden */
	uint64_t populated_bytes;   /* backed again on deflate */
	uint64_t populate_failures; /* runs that the host could not back */
	uint64_t refused;           /* malformed buffers, entries or ranges outside RAM */
};

/* The device's half of free page hinting (virtio 1.3, section 5.5.6.7). */
enum fb_hint_state {
	FB_HINT_STOP,      /* no round is going on: configuration shows CMD_ID_STOP */
	FB_HINT_REQUESTED, /* a new id is shown, the driver has not sent it yet */
	FB_HINT_START,     /* the driver has sent the id: its hints count */
	FB_HINT_DONE,      /* the migration is over: configuration shows CMD_ID_DONE */
};

/**
 * struct fb_hint - state of free page hinting, with its own lock in the hypervisor.
 * @state: see enum fb_hint_state.
 * @cmd_id: the id of the round in progress or of the last one; at least FB_HINT_CMD_ID_MIN.
 * @driver_stopped: the driver has ended the round of @cmd_id by itself.
 * @min_order: what HINT_START asks for: no hint shorter than so many pages, as a power of two.
 * @held: what HINT_START asks for: hinted memory stays out of use until HINT_DONE.
 * @hinted_bytes: bytes skipped since the device was created.
 * @stale_bytes: bytes of hints ignored, since they answered no round in progress.
 * @refused: malformed buffers or ranges.
 */
struct fb_hint {
	uint32_t state;
	uint32_t cmd_id;
	bool driver_stopped;
	bool held;
	uint32_t min_order;
	uint64_t hinted_bytes;
	uint64_t stale_bytes;
	uint64_t refused;
};

#define FB_HINT_CMD_ID_MIN UINT32_C(0x80000000)
#define FB_HINT_MIN_ORDER_MAX 51

/* What has become of a request to the driver. */
enum fb_ctrl_state {
	FB_CTRL_NONE,      /* none of the type was made */
	FB_CTRL_QUEUED,    /* waits for a buffer of the driver */
	FB_CTRL_SENT,      /* the driver has it */
	FB_CTRL_DONE,      /* the driver has replied */
	FB_CTRL_TIMED_OUT, /* given up: no reply in time */
	FB_CTRL_VOID,      /* given up: device reset, state loaded, or a later one overtook it */
};

/**
 * struct fb_ctrl_request - the last request of a type.
 * @type: VIRTIO_FASTBALLOON_REQ_*.
 * @state: enum fb_ctrl_state.
 * @id: 1 to FB_CTRL_ID_MAX.
 * @flags, @arg: as on the wire.
 * @status: VIRTIO_FASTBALLOON_STATUS_*, or what an unknown driver said; valid when DONE.
 * @figure_bytes: see docs/protocol.md, section 10.1; a claim of the guest; valid when DONE.
 * @asked_ms: when it was made, by the host's clock.
 * @deadline_ms: when it is given up; UINT64_MAX for never.
 * @ended_ms: when it was answered or given up.
 */
struct fb_ctrl_request {
	uint32_t type;
	uint32_t state;
	uint32_t id;
	uint32_t flags;
	uint32_t arg[2];
	uint32_t status;
	uint64_t figure_bytes;
	uint64_t asked_ms;
	uint64_t deadline_ms;
	uint64_t ended_ms;
};

#define FB_CTRL_ID_MAX UINT32_C(0x7fffffff)
/* One slot for each type; the types count from 1. */
#define FB_CTRL_TYPES (VIRTIO_FASTBALLOON_REQ_INFLATE + 1)
/* A request without a time limit of its own is given up after this. */
#define FB_CTRL_TIMEOUT_MS 60000
/* After its time limit, INFLATE waits so long for the driver's last word. */
#define FB_CTRL_GRACE_MS 5000
/* Shortest time between two calls of progress_changed. */
#define FB_CTRL_PROGRESS_MS 100

/**
 * struct fb_ctrl_progress - what the driver said last about the balloon; claims of the guest.
 * @known: not 0 once it has said anything.
 * @reason: VIRTIO_FASTBALLOON_REASON_*, or what an unknown driver said.
 * @flags: VIRTIO_FASTBALLOON_PROGRESS_*.
 * @target_pages, @actual_pages, @reachable_pages: sizes of the balloon, FB_PAGE_SIZE units.
 */
struct fb_ctrl_progress {
	uint32_t known;
	uint32_t reason;
	uint32_t flags;
	uint32_t target_pages;
	uint32_t actual_pages;
	uint32_t reachable_pages;
};

/**
 * struct fb_ctrl - the control queues' state.
 * @last_id: id of the last request; 0 before the first (saved).
 * @progress: (saved).
 * @requests: the last request of each type; [0] is unused.
 * @unsupported: bit n: the driver does not support type n.
 * @hint_told: what the configuration showed when the last HINT_* request was sent.
 * @hint_known: whether the driver is known to have been told.
 * @progress_pending: progress_changed is to be called at @progress_due_ms.
 * @progress_due_ms: before that it is not called again.
 * @sent: requests written into the driver's buffers.
 * @replies: replies that ended a request.
 * @stale_replies: replies to requests that were over, or never made.
 * @progresses: progress messages.
 */
struct fb_ctrl {
	uint32_t last_id;
	struct fb_ctrl_progress progress;
	struct fb_ctrl_request requests[FB_CTRL_TYPES];
	uint32_t unsupported;
	uint32_t hint_told;
	bool hint_known;
	bool progress_pending;
	uint64_t progress_due_ms;
	uint64_t sent;
	uint64_t replies;
	uint64_t stale_replies;
	uint64_t progresses;
};

/**
 * struct fb_ctrl_args - arguments of fb_ctrl_request(); zero what the type does not use.
 * @caches: VIRTIO_FASTBALLOON_CACHE_*, at least one (DROP_CACHES).
 * @best_effort: settle at the size that can be reached (INFLATE).
 * @timeout_ms: time limit; 0 for FB_CTRL_TIMEOUT_MS, or for none (INFLATE).
 */
struct fb_ctrl_args {
	uint32_t caches;
	bool best_effort;
	uint32_t timeout_ms;
};

struct fb_partial; /* host pages of which the balloon holds a part: partial.h */
struct fb_scratch; /* working memory of the buffer in progress: internal.h */

/**
 * struct fb_device - one balloon.
 *
 * The hypervisor embeds it, reads any field, and writes those marked (saved) when it loads
 * a migrated state; all else goes through the functions below.
 */
struct fb_device {
	const struct fb_host_ops *ops;
	void *host;
	uint64_t features;   /* negotiated; set by fb_device_set_features() */
	uint32_t num_pages;  /* target, FB_PAGE_SIZE units (saved) */
	uint32_t actual;     /* size that the driver last wrote (saved) */
	uint32_t poison_val; /* written by the driver with F_PAGE_POISON (saved) */
	struct fb_hint hint; /* (saved: state, cmd_id) */
	struct fb_ctrl ctrl; /* (saved: last_id, progress) */
	struct fb_counters counters;
	uint64_t stats[FB_STATS_MAX];
	struct fb_partial *partial;
	struct fb_scratch *scratch;
};

/**
 * fb_device_init() - prepare a device.
 * @dev: zeroed or uninitialised memory.
 * @ops: the hypervisor's services; kept.
 * @host: passed to each of them.
 *
 * Return: 0, or -ENOMEM.
 */
int fb_device_init(struct fb_device *dev, const struct fb_host_ops *ops, void *host);

/** fb_device_destroy() - release what fb_device_init() and the buffers made. */
void fb_device_destroy(struct fb_device *dev);

/**
 * fb_device_reset() - the driver or the machine has reset the device.
 *
 * Poison value, negotiated features and statistics start afresh, the hint round ends, and
 * partial host pages are forgotten, since the guest owns all its memory again. Requests to the
 * driver are given up, and its progress is forgotten. Target, actual, counters and the last ids
 * stay: actual changes only where the driver writes it.
 */
void fb_device_reset(struct fb_device *dev);

/** fb_device_set_features() - the driver has accepted @features. */
void fb_device_set_features(struct fb_device *dev, uint64_t features);

/**
 * fb_device_get_config() - fill the configuration space (virtio 1.3, section 5.5.4).
 * @hint_offered: free_page_hint_cmd_id shows the hinting state, else 0.
 */
void fb_device_get_config(const struct fb_device *dev, bool hint_offered,
			  struct virtio_balloon_config *config);

/** fb_device_set_config() - the driver has written the configuration space. */
void fb_device_set_config(struct fb_device *dev, const struct virtio_balloon_config *config);

/** fb_device_set_target() - ask the guest for a balloon of @num_pages, FB_PAGE_SIZE units. */
void fb_device_set_target(struct fb_device *dev, uint32_t num_pages);

/**
 * fb_device_inflate() - handle a buffer of the inflateq.
 *
 * Device-readable parts are an array of 32 bit PFNs, with F_PAGE_BITMAP behind a header, or page
 * bitmaps; with F_SG, device-writable parts are ranges. Neighbours become one discard. Afterwards
 * the hypervisor returns the buffer with a used length of 0.
 */
void fb_device_inflate(struct fb_device *dev, const struct fb_buffer *buffer);

/**
 * fb_device_deflate() - handle a buffer of the deflateq; formats as for inflate.
 *
 * With a populate operation, each run is widened to whole host pages and backed again.
 */
void fb_device_deflate(struct fb_device *dev, const struct fb_buffer *buffer);

/**
 * fb_device_populated() - what populate had left in progress has ended.
 * @bytes: backed.
 * @failed: there was more, which the host could not back.
 */
void fb_device_populated(struct fb_device *dev, uint64_t bytes, bool failed);

/**
 * fb_device_waiting_bytes() - memory in the balloon that waits for the rest of its host page.
 *
 * Return: bytes, of those host pages that are remembered; they were not given back.
 */
uint64_t fb_device_waiting_bytes(const struct fb_device *dev);

/**
 * fb_device_report() - handle a buffer of the reporting queue (section 5.5.6.8).
 *
 * Its device-writable parts are discarded, unless discards are forbidden or the driver
 * expects a non-zero poison value to stay there.
 */
void fb_device_report(struct fb_device *dev, const struct fb_buffer *buffer);

/**
 * fb_device_receive_stats() - take the statistics of a buffer of the statsq.
 *
 * Statistics not in the buffer become FB_STAT_UNSET; unknown tags are ignored; order does
 * not matter; of a tag sent twice the last value counts.
 */
void fb_device_receive_stats(struct fb_device *dev, const struct fb_buffer *buffer);

/** fb_stat_name() - QEMU's name of a statistic ("stat-free-memory"), or NULL over the end. */
const char *fb_stat_name(unsigned int tag);

/** fb_hint_begin() - start a round: a new command id, state REQUESTED. Returns the id. */
uint32_t fb_hint_begin(struct fb_hint *hint);

/** fb_hint_stop() - end the round: later hints are stale. No effect when DONE. */
void fb_hint_stop(struct fb_hint *hint);

/** fb_hint_done() - the migration is over: the driver may release what it holds. */
void fb_hint_done(struct fb_hint *hint);

/**
 * fb_hint_set_args() - what the next HINT_START asks for; any time, no round needed.
 * @min_order: 0 to FB_HINT_MIN_ORDER_MAX; a larger one is taken for that.
 * @held: hinted memory should stay out of use until HINT_DONE.
 */
void fb_hint_set_args(struct fb_hint *hint, unsigned int min_order, bool held);

/** fb_hint_config() - what free_page_hint_cmd_id shows: an id, CMD_ID_STOP or CMD_ID_DONE. */
uint32_t fb_hint_config(const struct fb_hint *hint);

/**
 * fb_device_hint() - handle a buffer of the free page queue (section 5.5.6.7).
 *
 * A device-readable part of 4 bytes is a command id: the current one opens the round,
 * another one ends it. Device-writable parts are hints, of which every one counts while the
 * round is open, and none otherwise; so are the bits of a page bitmap with F_PAGE_BITMAP. Of
 * fb_host_ops it uses find_ram, skip and guest_error.
 */
void fb_device_hint(struct fb_device *dev, const struct fb_buffer *buffer);

/*
 * The control queues. The hypervisor sends requests when fb_ctrl_has_request() says that there
 * is one: after fb_ctrl_request(), after a change of the hint state and after fb_ctrl_loaded(),
 * and when the driver announces buffers on the requestq. It pops a buffer, lets
 * fb_ctrl_next_request() fill it and returns it with that used length. Without F_CTRL_VQ there is
 * never a request. If hinting has a lock of its own, it is held around both functions.
 */

/**
 * fb_ctrl_request() - ask the driver for something.
 * @type: VIRTIO_FASTBALLOON_REQ_DROP_CACHES, _COMPACT or _INFLATE; HINT_* come by themselves.
 *
 * An INFLATE goes with the target that is set when it is sent, and overtakes an earlier one.
 *
 * Return: the request's id, 1 to FB_CTRL_ID_MAX; -ENOTSUP if F_CTRL_VQ was not negotiated or the
 * driver does not support the type; -EBUSY if one of the type is not over; -EINVAL for another
 * type, or arguments that are out of range or not of the type.
 */
int fb_ctrl_request(struct fb_device *dev, unsigned int type, const struct fb_ctrl_args *args);

/** fb_ctrl_has_request() - whether there is a request to send. */
bool fb_ctrl_has_request(const struct fb_device *dev);

/**
 * fb_ctrl_next_request() - write the next request into a buffer of the requestq.
 * @in: its device-writable parts, mapped into the host's address space.
 *
 * Return: the used length: bytes written, or 0 if the buffer is too short or there is no request.
 */
size_t fb_ctrl_next_request(struct fb_device *dev, const struct iovec *in, unsigned int in_count);

/** fb_device_message() - handle a buffer of the messageq: a reply, or progress. */
void fb_device_message(struct fb_device *dev, const struct fb_buffer *buffer);

/**
 * fb_ctrl_last() - the last request of a type, whatever became of it.
 * @type: VIRTIO_FASTBALLOON_REQ_*.
 *
 * Return: its state, FB_CTRL_NONE if there was none; NULL for an unknown type.
 */
const struct fb_ctrl_request *fb_ctrl_last(const struct fb_device *dev, unsigned int type);

/**
 * fb_ctrl_tick() - do what is due by the clock: give requests up, pass progress on.
 *
 * To be called when the time that it returned last has come, and after fb_ctrl_request() and
 * fb_device_message(), which can bring that time nearer. Calling it too often does no harm.
 *
 * Return: when it is to be called again, by the host's clock in ms; UINT64_MAX for not at all.
 */
uint64_t fb_ctrl_tick(struct fb_device *dev);

/**
 * fb_ctrl_loaded() - the saved fields were loaded: check them, give up all requests, and tell
 * the driver again what round of hints there is.
 */
void fb_ctrl_loaded(struct fb_device *dev);

/** fb_ctrl_type_name() - a request's type ("drop-caches"), or "unknown". */
const char *fb_ctrl_type_name(unsigned int type);

/** fb_ctrl_state_name() - what became of a request ("sent"), or "unknown". */
const char *fb_ctrl_state_name(unsigned int state);

/** fb_ctrl_status_name() - a reply's status ("not-supported"), or "unknown". */
const char *fb_ctrl_status_name(unsigned int status);

/** fb_ctrl_reason_name() - why the balloon is not further ("watermark"), or "unknown". */
const char *fb_ctrl_reason_name(unsigned int reason);

#endif /* FASTBALLOON_DEVICE_H */

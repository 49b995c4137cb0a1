/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - a model of free page hinting and hole skip: guest, device and QEMU's migration.
 *
 * docs/model.md tells what each part stands for and what was left out. The device's half of the
 * protocol is not modelled: the actions call device/hint.c itself.
 */
#ifndef FB_MODEL_H
#define FB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FB_M_PAGES 2
#define FB_M_RING 5
#define FB_M_WORK 2
#define FB_M_STEPS 8

/* Who has a page. */
enum fb_m_owner {
	FB_M_FREE,  /* on the free lists */
	FB_M_ALLOC, /* allocated and not written: nobody relies on its content */
	FB_M_USED,  /* allocated and written: the destination must have its last content */
	FB_M_HELD,  /* taken by the driver, its hint is not answered */
	FB_M_ACKED, /* taken by the driver, its hint has come back */
};

/* A page's content on the destination. */
enum fb_m_copy { FB_M_COPY_ZERO, FB_M_COPY_LAST, FB_M_COPY_OLD };

/* Bits of struct fb_m_page.flags. */
enum {
	FB_M_DIRTY = 1,      /* migration bitmap: to be sent */
	FB_M_LOGGED = 2,     /* QEMU's own dirty bits, which a sync moves to the bitmap */
	FB_M_KERNEL = 4,     /* KVM's log */
	FB_M_SEEN = 8,       /* KVM's log as QEMU read it last; a clear clears no other bit */
	FB_M_TLB = 16,       /* TCG writes the page without logging it */
	FB_M_POPULATED = 32, /* the host backs the page */
	FB_M_HOLE = 64,      /* left out by hole skip */
	FB_M_BATCH = 128,    /* found free, not in the ring yet */
};

struct fb_m_page {
	uint8_t owner;
	uint8_t zero; /* its content on the source is zero */
	uint8_t copy; /* enum fb_m_copy */
	uint8_t flags;
};

/* What waits in the ring; pages count from FB_M_RING_PAGE. */
enum { FB_M_RING_NONE, FB_M_RING_ID, FB_M_RING_STOP, FB_M_RING_PAGE };

/* What the driver is doing. */
enum fb_m_driver { FB_M_IDLE, FB_M_DRAIN, FB_M_WALK, FB_M_SEND };

/* What the migration is doing. */
enum fb_m_phase {
	FB_M_BEFORE, /* the next thing is to stop hinting, before a sync */
	FB_M_SYNC,   /* the next thing is the sync */
	FB_M_AFTER,  /* the steps behind the sync, see struct fb_m_config */
	FB_M_BEGIN,  /* the next thing is a new command id */
	FB_M_SENDING,
};

/*
 * A state. Bytes only, so that states compare as memory. Ids are small: 0 for none or STOP,
 * FB_M_ID_DONE for DONE.
 */
#define FB_M_ID_DONE 0xff
struct fb_m_state {
	struct fb_m_page page[FB_M_PAGES];
	uint8_t pending; /* bit n: chunk n of the log is still to be cleared */
	uint8_t sending; /* page + 1 whose bit is taken and whose content is not */
	uint8_t driver;  /* enum fb_m_driver */
	uint8_t pos;     /* next page of the walk */
	uint8_t watched; /* id that is being answered */
	uint8_t answered;
	uint8_t id_buffer; /* the memory that an id in the ring lies in */
	uint8_t ring[FB_M_RING];
	uint8_t work[FB_M_WORK]; /* page + 1: hints on their way out of the bitmap */
	uint8_t busy;            /* the log around work[0] is cleared, its bit is not yet */
	uint8_t hint_state;      /* of device/hint.c */
	uint8_t hint_id;
	uint8_t phase; /* enum fb_m_phase */
	uint8_t step;  /* in FB_M_AFTER */
	uint8_t syncs;
	uint8_t stopped; /* the guest's processors are */
	uint8_t reboots;
	uint8_t cancels;
};

/* How QEMU learns of writes. */
enum fb_m_log {
	FB_M_LOG_SYNC,   /* emptied by each sync */
	FB_M_LOG_STALE,  /* the same, but TCG of QEMU 7.2 goes on writing past it */
	FB_M_LOG_MANUAL, /* KVM: starts all ones, cleared by hand, a chunk at a time */
};

/* How the driver makes hints safe (guest/hint.c). */
enum fb_m_mode { FB_M_READ, FB_M_HOLD, FB_M_KEEP };

/* What is done behind a sync, in this order, while the guest runs. */
enum fb_m_step {
	FB_M_END,
	FB_M_FLUSH, /* of TCG's TLBs */
	FB_M_CLEAR, /* all of the log, eagerly */
	/* At the first sync only: */
	FB_M_LOOK,      /* find the holes */
	FB_M_SKIP_LOG,  /* clear the log of chunks with holes */
	FB_M_SKIP_BITS, /* take the holes out of the migration bitmap */
	FB_M_RESCAN,    /* put back those that are populated now */
};

/* What is wrong on purpose. */
enum {
	FB_M_BAD_SHRINKER = 1, /* gives back blocks whose hint is not handled */
	FB_M_BAD_DRAIN = 2,    /* the driver does not wait until the ring is empty */
	FB_M_BAD_STALE = 4,    /* the device takes hints outside their round */
	FB_M_BAD_VOID = 8,     /* hints on their way are not void at a sync */
};

/**
 * struct fb_m_config - what is searched.
 * @pages: up to FB_M_PAGES.
 * @syncs: bitmap syncs, the last one included.
 * @steps: what is done behind a sync, up to FB_M_END.
 * @no_drain: the device leaves what is queued when a round begins, as QEMU's does.
 * @one_chunk: the dirty log is cleared for all pages at once.
 * @neighbour: the chunk holds other pages, which are sent at any time.
 * @holes: pages may be unpopulated at first, and free pages are discarded.
 * @zero_on_free: freed pages are cleared and must read zero (init_on_free).
 * @reboots, @cancels: how many are tried.
 * @bad: what is wrong on purpose.
 */
struct fb_m_config {
	const char *name;
	enum fb_m_log log;
	enum fb_m_mode mode;
	uint8_t pages;
	uint8_t syncs;
	uint8_t steps[FB_M_STEPS];
	bool no_drain;
	bool one_chunk;
	bool neighbour;
	bool holes;
	bool zero_on_free;
	uint8_t reboots;
	uint8_t cancels;
	unsigned int bad;
};

/* Every kind of thing that can happen, and whether it happens to a page. */
#define FB_M_ACTIONS(X)                                                                \
	X(alloc, true, "the guest allocates the page")                                 \
	X(write, true, "the guest writes the page")                                    \
	X(free, true, "the guest frees the page")                                      \
	X(discard, true, "the balloon gives the free page to the host")                \
	X(reboot, false, "the guest reboots")                                          \
	X(read_id, false, "the driver reads a new id")                                 \
	X(give_up, false, "the driver sees another id while it waits")                 \
	X(put_id, false, "the driver queues the id")                                   \
	X(find, true, "the driver finds the page free")                                \
	X(pass, true, "the driver passes the page over")                               \
	X(put_page, true, "the driver queues the page's hint")                         \
	X(cut, false, "the driver ends its walk")                                      \
	X(put_stop, false, "the driver queues CMD_ID_STOP")                            \
	X(give_back, true, "the driver gives the page back")                           \
	X(pop, false, "the device takes a buffer from the ring")                       \
	X(clear_chunk, false, "the device clears the log around the hinted page")      \
	X(clear_bit, false, "the device takes the page out of the migration bitmap")   \
	X(stop_hints, false, "before a sync, the device ends the round")               \
	X(sync, false, "the log is synced into the migration bitmap")                  \
	X(after, false, "a step behind the sync is done")                              \
	X(begin, false, "the device shows a new id")                                   \
	X(take, true, "the migration takes the page's bit, to send it")                \
	X(send, false, "the page's content is sent")                                   \
	X(neighbour, true, "another page of the chunk is sent, so its log is cleared") \
	X(next_round, false, "the migration goes on to the next sync")                 \
	X(stop_guest, false, "the guest's processors stop, the last sync is next")     \
	X(cancel, false, "the migration is cancelled and begins again")

enum fb_m_action {
#define FB_M_ACTION_ENUM(name, paged, text) FB_M_DO_##name,
	FB_M_ACTIONS(FB_M_ACTION_ENUM)
#undef FB_M_ACTION_ENUM
		FB_M_ACTION_COUNT,
};

/**
 * fb_m_start() - one of the states that a search starts from.
 * @which: bit 2n: page n is in use, bit 2n+1: it is populated.
 *
 * Return: false where @which does not make a state of its own.
 */
bool fb_m_start(const struct fb_m_config *config, unsigned int which, struct fb_m_state *state);

/**
 * fb_m_guest() - do what the guest's kernel or its driver can do.
 * @page: the page that it is done to; ignored where it is done to none.
 *
 * Return: false, with @state undefined, where it cannot happen.
 */
bool fb_m_guest(const struct fb_m_config *config, struct fb_m_state *state, enum fb_m_action action,
		unsigned int page);

/** fb_m_host() - as fb_m_guest(), for the device and the migration. */
bool fb_m_host(const struct fb_m_config *config, struct fb_m_state *state, enum fb_m_action action,
	       unsigned int page);

/** fb_m_is_over() - whether the migration has sent everything. */
bool fb_m_is_over(const struct fb_m_config *config, const struct fb_m_state *state);

/** fb_m_lost_page() - the page whose content the destination lacks, plus 1; 0 for none. */
unsigned int fb_m_lost_page(const struct fb_m_config *config, const struct fb_m_state *state);

/** fb_m_guest_write() - the guest changes a page's content. */
void fb_m_guest_write(const struct fb_m_config *config, struct fb_m_page *page, bool zero);

/** fb_m_shown_id() - what the configuration shows. */
uint8_t fb_m_shown_id(const struct fb_m_state *state);

/** fb_m_ring_is_empty() - whether the device has returned all buffers. */
bool fb_m_ring_is_empty(const struct fb_m_state *state);

/** fb_m_device_reset() - the device is reset; its ring is empty and its driver gone. */
void fb_m_device_reset(struct fb_m_state *state);

/**
 * struct fb_m_result - what a search has found.
 * @states: distinct states reached.
 * @ends: those in which a migration was over.
 * @lost: the search ended with a page lost; its trace was printed.
 * @trace_len: actions that lead there.
 */
struct fb_m_result {
	size_t states;
	size_t ends;
	bool lost;
	unsigned int trace_len;
};

/**
 * fb_m_search() - visit every state that can be reached, the nearest first.
 * @taken: counts how often each kind of action could happen; FB_M_ACTION_COUNT entries.
 *
 * Stops at the first loss. Aborts where memory runs out.
 */
struct fb_m_result fb_m_search(const struct fb_m_config *config, size_t *taken);

#endif /* FB_MODEL_H */

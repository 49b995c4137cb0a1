/* SPDX-License-Identifier: BSD-3-Clause */
/* iov.h - copy the parts of a buffer; of device-readable ones, each byte once. */
#ifndef FB_IOV_H
#define FB_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/**
 * struct fb_iov - a place in a list of parts.
 * @iov: the part that holds the next byte.
 * @count: parts left, @iov included.
 * @offset: bytes of @iov already read.
 *
 * The guest may change the memory at any time: what was read is never read again.
 */
struct fb_iov {
	const struct iovec *iov;
	unsigned int count;
	size_t offset;
};

/** fb_iov_init() - start at the first byte of @count parts. */
void fb_iov_init(struct fb_iov *it, const struct iovec *iov, unsigned int count);

/** fb_iov_read() - copy up to @len bytes. Return: bytes copied, fewer only at the end. */
size_t fb_iov_read(struct fb_iov *it, void *buf, size_t len);

/** fb_iov_left() - bytes not read yet; UINT64_MAX where the sum is larger. */
uint64_t fb_iov_left(const struct fb_iov *it);

/** fb_iov_size() - bytes in @count parts; UINT64_MAX where the sum is larger. */
uint64_t fb_iov_size(const struct iovec *iov, unsigned int count);

/** fb_iov_write() - copy @len bytes to the start of @count parts, which have room for them. */
void fb_iov_write(const struct iovec *iov, unsigned int count, const void *buf, size_t len);

#endif /* FB_IOV_H */

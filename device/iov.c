// SPDX-License-Identifier: BSD-3-Clause
/* iov.c - copy the parts of a buffer; of device-readable ones, each byte once. */
#include <string.h>

#include "iov.h"

void fb_iov_init(struct fb_iov *it, const struct iovec *iov, unsigned int count)
{
	it->iov = iov;
	it->count = count;
	it->offset = 0;
}

size_t fb_iov_read(struct fb_iov *it, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len && it->count) {
		size_t here = it->iov->iov_len - it->offset;
		size_t n = here < len - done ? here : len - done;

		if (n) {
			const char *base = it->iov->iov_base;

			memcpy((char *)buf + done, base + it->offset, n);
		}
		done += n;
		it->offset += n;
		if (it->offset == it->iov->iov_len) {
			it->iov++;
			it->count--;
			it->offset = 0;
		}
	}
	return done;
}

uint64_t fb_iov_left(const struct fb_iov *it)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < it->count; i++) {
		uint64_t len = it->iov[i].iov_len - (i ? 0 : it->offset);

		if (len > UINT64_MAX - sum)
			return UINT64_MAX;
		sum += len;
	}
	return sum;
}

uint64_t fb_iov_size(const struct iovec *iov, unsigned int count)
{
	struct fb_iov it;

	fb_iov_init(&it, iov, count);
	return fb_iov_left(&it);
}

void fb_iov_write(const struct iovec *iov, unsigned int count, const void *buf, size_t len)
{
	const char *from = buf;

	for (unsigned int i = 0; i < count && len; i++) {
		size_t n = iov[i].iov_len < len ? iov[i].iov_len : len;

		if (n)
			memcpy(iov[i].iov_base, from, n);
		from += n;
		len -= n;
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bitmap.h - a stand-in for the kernel's bitmaps, bit by bit. */
#ifndef FB_SHIM_BITMAP_H
#define FB_SHIM_BITMAP_H

#include <linux/kernel.h>

#define DECLARE_BITMAP(name, nr_bits) \
	unsigned long name[((nr_bits) + BITS_PER_LONG - 1) / BITS_PER_LONG]

static inline bool fb_shim_bit(const unsigned long *bits, unsigned int bit)
{
	return bits[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG) & 1;
}

static inline void bitmap_set(unsigned long *bits, unsigned int first, unsigned int nr_bits)
{
	for (unsigned int bit = first; bit < first + nr_bits; bit++)
		bits[bit / BITS_PER_LONG] |= 1UL << (bit % BITS_PER_LONG);
}

static inline void bitmap_clear(unsigned long *bits, unsigned int first, unsigned int nr_bits)
{
	for (unsigned int bit = first; bit < first + nr_bits; bit++)
		bits[bit / BITS_PER_LONG] &= ~(1UL << (bit % BITS_PER_LONG));
}

static inline unsigned int bitmap_weight(const unsigned long *bits, unsigned int nr_bits)
{
	unsigned int weight = 0;

	for (unsigned int bit = 0; bit < nr_bits; bit++)
		weight += fb_shim_bit(bits, bit);
	return weight;
}

static inline unsigned long find_next_bit(const unsigned long *bits, unsigned long size,
					  unsigned long bit)
{
	while (bit < size && !fb_shim_bit(bits, bit))
		bit++;
	return bit < size ? bit : size;
}

static inline unsigned long find_next_zero_bit(const unsigned long *bits, unsigned long size,
					       unsigned long bit)
{
	while (bit < size && fb_shim_bit(bits, bit))
		bit++;
	return bit < size ? bit : size;
}

#endif

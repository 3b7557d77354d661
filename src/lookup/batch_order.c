/*
 * batch_order.c
 *
 * The order in which the elements of a batch are asked.  Names that nobody answers, or
 * only late, often follow each other in a list: those of a domain, or of a network.  Asked
 * in that order they look like a server that is gone or has no room.  So each element that
 * is asked is far from those before it in the list: its place is a multiple of the golden
 * ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4, theorem S).  Any
 * questions that are asked in some time are so a fair sample of the whole list.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#define GOLDEN_RATIO	0.61803398874989484820

static uint32 common_divisor(uint32 a, uint32 b);

/*
 * Begins with the first of n elements, at least one.
 */
void
batch_order_begin(BatchOrder *order, uint32 n)
{
	order->n = n;
	order->left = n;
	order->at = 0;
	order->step = Max(1, n * GOLDEN_RATIO);
	/* So each element comes once. */
	while (common_divisor(order->step, n) > 1)
		order->step++;
}

/*
 * Gives the next element; false if there is none.
 */
bool
batch_order_next(BatchOrder *order, uint32 *index)
{
	if (order->left == 0)
		return false;
	order->left--;
	*index = order->at;
	order->at = ((uint64) order->at + order->step) % order->n;
	return true;
}

/* The greatest common divisor (Euclid). */
static uint32
common_divisor(uint32 a, uint32 b)
{
	while (b > 0)
	{
		uint32		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

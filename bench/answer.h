/*
 * answer.h
 *
 * A DNS message of the benchmark's responder, and its answer.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#define QUERY_MAX 512
#define ANSWER_MAX (QUERY_MAX + 64) /* with the largest record and OPT */

typedef struct Packet
{
	unsigned	length;
	unsigned char octets[ANSWER_MAX];
} Packet;

extern bool make_answer(Packet *packet, uint32_t *hash);

#endif

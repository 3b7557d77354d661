/*
 * answer.c
 *
 * Turns a query into its own answer, in place.  Any name has one A, AAAA, MX, PTR
 * and TXT record, made from a hash of the name, and none of any other type.
 */
#include <string.h>

#include "answer.h"

#define HEADER_SIZE 12

/* Copies octets to the end; there is room, see ANSWER_MAX. */
static void
put(Packet *packet, const void *octets, unsigned length)
{
	memcpy(packet->octets + packet->length, octets, length);
	packet->length += length;
}

/* Writes a record's data for a type, from the hash; returns its length, 0 for no record. */
static unsigned
make_data(unsigned type, uint32_t hash, unsigned char *data)
{
	static const char hex[] = "0123456789abcdef";
	unsigned	i;

	switch (type)
	{
		case 1:					/* A: 10.x.y.z */
			memcpy(data, (unsigned char[]) {10, hash >> 16, hash >> 8, hash}, 4);
			return 4;
		case 28:				/* AAAA: fd00::x:y */
			memset(data, 0, 16);
			data[0] = 0xfd;
			memcpy(data + 12, (unsigned char[]) {hash >> 24, hash >> 16, hash >> 8, hash}, 4);
			return 16;
		case 15:				/* MX: 10 mx.NAME */
			memcpy(data, "\0\012\2mx\300\014", 7);
			return 7;
		case 12:				/* PTR: h01234567.bench.test */
			memcpy(data, "\011h________\5bench\4test", 22);
			for (i = 0; i < 8; i++)
				data[2 + i] = hex[hash >> 4 * i & 15];
			return 22;
		case 16:				/* TXT: "01234567" */
			data[0] = 8;
			for (i = 0; i < 8; i++)
				data[1 + i] = hex[hash >> 4 * i & 15];
			return 9;
		default:
			return 0;
	}
}

/* Turns the query into its answer; false if it is not a readable query. */
bool
make_answer(Packet *packet, uint32_t *hash)
{
	unsigned char *octets = packet->octets;
	unsigned	end = HEADER_SIZE;
	unsigned char data[64];
	unsigned	data_length;
	bool		has_opt;

	/* one question, no answers */
	if (packet->length < HEADER_SIZE + 5 || octets[2] & 0x80 ||
		memcmp(octets + 4, "\0\1\0\0\0\0\0", 7) != 0)
		return false;

	*hash = 2166136261;
	while (octets[end] != 0)
	{
		unsigned	label_end = end + 1 + octets[end];

		if (label_end + 5 > packet->length)
			return false;
		for (; end < label_end; end++)
			*hash = (*hash ^ (octets[end] | 0x20)) * 16777619;
	}
	end += 5;

	data_length = make_data(octets[end - 4] << 8 | octets[end - 3], *hash, data);
	has_opt = octets[11] == 1 && packet->length >= end + 11 && octets[end] == 0 && octets[end + 2] == 41;

	/* QR and RA, and the bits of the query */
	octets[2] = (octets[2] & 0x79) | 0x80;
	octets[3] = (octets[3] & 0x10) | 0x80;
	octets[7] = data_length > 0;
	octets[11] = has_opt;
	packet->length = end;
	if (data_length > 0)
	{
		put(packet, "\300\014", 2);
		put(packet, octets + end - 4, 4);
		put(packet, "\0\0\1\054\0", 5);
		octets[packet->length++] = data_length;
		put(packet, data, data_length);
	}
	if (has_opt)
		put(packet, "\0\0\051\004\320\0\0\0\0\0\0", 11);
	return true;
}

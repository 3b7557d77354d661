/*
 * pcap.c
 *
 * Writes the datagrams of a world to the file that SIM_PCAP names, which Wireshark reads.
 * A session has the address 10.0.0.x, and a socket the port of its number.
 */
#include "world.h"

#define LINKTYPE_RAW	101
#define IP_HEADER		20
#define UDP_HEADER		8

static FILE *
open_file(void)
{
	static FILE *file = NULL;
	const char *path = getenv("SIM_PCAP");
	uint32_t	header[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, LINKTYPE_RAW};

	if (file != NULL || path == NULL)
		return file;
	file = fopen(path, "w");
	if (file != NULL)
		fwrite(header, sizeof(header), 1, file);
	return file;
}

static void
put_u16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/*
 * Writes a datagram, if there is a file.
 */
void
pcap_packet(SimTime at, const Packet *packet, bool to_server)
{
	FILE	   *file = open_file();
	uint8_t		client[4] = {10, 0, packet->session >> 8, packet->session + 1};
	uint8_t		server[4] = {127, 0, 0, packet->server + 1};
	unsigned int port = 1024 + packet->serial % 60000;
	uint8_t		headers[IP_HEADER + UDP_HEADER] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17};
	uint32_t	len = sizeof(headers) + packet->len;
	uint32_t	record[4] = {at / SECOND, at % SECOND, len, len};

	if (file == NULL)
		return;
	put_u16(headers + 2, len);
	memcpy(headers + 12, to_server ? client : server, 4);
	memcpy(headers + 16, to_server ? server : client, 4);
	put_u16(headers + IP_HEADER, to_server ? port : 53);
	put_u16(headers + IP_HEADER + 2, to_server ? 53 : port);
	put_u16(headers + IP_HEADER + 4, UDP_HEADER + packet->len);
	fwrite(record, sizeof(record), 1, file);
	fwrite(headers, sizeof(headers), 1, file);
	fwrite(packet->octets, packet->len, 1, file);
}

/*
 * pcap.c
 *
 * Writes the datagrams of a world to a file that Wireshark reads.
 */
#include "world.h"

/*
 * Writes a datagram, if there is a file.
 */
void
pcap_packet(SimTime at, const Packet *packet, bool to_server)
{
}

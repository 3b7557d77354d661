/*
 * resolver.c
 *
 * Shows, on three lines, how the C library reads /etc/resolv.conf: name servers, search
 * list, ndots.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>

static void
show_server(const struct sockaddr_in *ip4, const struct sockaddr_in6 *ip6)
{
	char		address[INET6_ADDRSTRLEN];
	char		interface[IFNAMSIZ];

	if (ip6 == NULL)
		printf(" %s", inet_ntop(AF_INET, &ip4->sin_addr, address, sizeof(address)));
	else
		printf(" %s", inet_ntop(AF_INET6, &ip6->sin6_addr, address, sizeof(address)));
	if (ip6 != NULL && ip6->sin6_scope_id != 0 &&
		if_indextoname(ip6->sin6_scope_id, interface) != NULL)
		printf("%%%s", interface);
}

int
main(void)
{
	struct __res_state state = {0};

	if (res_ninit(&state) != 0)
		return 1;
	printf("servers");
	for (int i = 0; i < state.nscount; i++)
		show_server(&state.nsaddr_list[i],
					state.nsaddr_list[i].sin_family == AF_INET ? NULL : state._u._ext.nsaddrs[i]);
	printf("\ndomains");
	for (int i = 0; i < MAXDNSRCH && state.dnsrch[i] != NULL; i++)
		printf(" %s", state.dnsrch[i]);
	printf("\nndots %d\n", (int) state.ndots);
	return 0;
}

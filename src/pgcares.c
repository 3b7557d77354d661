/*
 * pgcares.c
 *
 * The module: DNS lookups in SQL.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Called when the library is loaded, possibly in the postmaster: nothing here
 * makes a channel.
 */
void
_PG_init(void)
{
	channel_check_library();
	memory_init();
	settings_init();
	lookup_functions_init();
	lookahead_init();
}

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
	totals_init();
	progress_init();
	joint_init();
	ceiling_init();
	cache_init();
	shared_memory_init(setting_shared_memory_size * (Size) 1024);
	lookup_functions_init();
	lookahead_init();
}

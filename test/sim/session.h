/*
 * session.h
 *
 * Between a session (session.c) and what stands in PostgreSQL's place (postgres.c).
 */
#ifndef SESSION_H
#define SESSION_H

#include <setjmp.h>

#include "sim.h"

extern sigjmp_buf raised;		/* where an error goes */
extern char raised_text[256];
extern int	descriptors_left;
extern size_t hash_memory_limit;

/* The functions that malloc() and calloc() are without a failure that the world makes. */
extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t count, size_t size);
extern void __real_free(void *memory);

extern long pieces_in_use;		/* of malloc() */

extern size_t memory_chunks(void);

extern void session_has_waited(void);
extern void exit_shared_memory(void);
extern int	under_way(void);

extern int64 sim_statement;

/* ---- store.c ---- */

extern void store_try(const SimTask *task);

#endif							/* SESSION_H */

/*
 * backend.c
 *
 * The small functions of PostgreSQL that the engine calls: texts, lists, chance, hashes.
 */
#include "postgres.h"

#include "session.h"

#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/fd.h"
#include "utils/varlena.h"

#undef snprintf
#undef vsnprintf
#undef strerror

/* ---- memory outside of contexts ---- */

extern void *__real_realloc(void *memory, size_t size);

long		pieces_in_use;

/* Counts a piece of memory. */
static void *
counted(void *memory)
{
	pieces_in_use += memory != NULL;
	return memory;
}

void *
__wrap_malloc(size_t size)
{
	return sim_fails(SIM_MALLOC) ? NULL : counted(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return sim_fails(SIM_MALLOC) ? NULL : counted(__real_calloc(count, size));
}

void *
__wrap_realloc(void *memory, size_t size)
{
	void	   *more = sim_fails(SIM_MALLOC) ? NULL : __real_realloc(memory, size);

	return memory == NULL ? counted(more) : more;
}

void
__wrap_free(void *memory)
{
	pieces_in_use -= memory != NULL;
	__real_free(memory);
}

char *
__wrap_strdup(const char *text)
{
	char	   *copy = __wrap_malloc(strlen(text) + 1);

	return copy != NULL ? strcpy(copy, text) : NULL;
}

/* ---- texts ---- */

void
initStringInfo(StringInfo text)
{
	text->maxlen = 1024;
	text->data = palloc(text->maxlen);
	text->data[0] = '\0';
	text->len = text->cursor = 0;
}

void
enlargeStringInfo(StringInfo text, int needed)
{
	if (text->len + needed < text->maxlen)
		return;
	text->maxlen = 2 * (text->len + needed + 1);
	text->data = repalloc(text->data, text->maxlen);
}

void
#if PG_VERSION_NUM >= 160000
appendBinaryStringInfo(StringInfo text, const void *octets, int len)
#else
appendBinaryStringInfo(StringInfo text, const char *octets, int len)
#endif
{
	enlargeStringInfo(text, len + 1);
	memcpy(text->data + text->len, octets, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void
appendStringInfoString(StringInfo text, const char *more)
{
	appendBinaryStringInfo(text, more, strlen(more));
}

void
appendStringInfoChar(StringInfo text, char c)
{
	appendBinaryStringInfo(text, &c, 1);
}

void
appendStringInfo(StringInfo text, const char *format,...)
{
	char		more[1024];
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(more, sizeof(more), format, args);
	va_end(args);
	appendStringInfoString(text, more);
}

char *
psprintf(const char *format,...)
{
	char		text[1024];
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return pstrdup(text);
}

char *
pg_strerror(int number)
{
	return strerror(number);
}

List *
lappend(List *list, void *element)
{
	if (list == NIL)
	{
		list = palloc0(sizeof(List));
		list->type = T_List;
		list->max_length = 64;
		list->elements = palloc(list->max_length * sizeof(ListCell));
	}
	if (list->length == list->max_length)
	{
		list->max_length *= 2;
		list->elements = repalloc(list->elements, list->max_length * sizeof(ListCell));
	}
	list->elements[list->length++].ptr_value = element;
	return list;
}

/* Splits a list at its commas; the world's settings have no quotes. */
bool
SplitGUCList(char *text, char separator, List **elements)
{
	char		separators[2] = {separator, '\0'};
	char	   *at = text;
	char	   *element;

	*elements = NIL;
	while ((element = strsep(&at, separators)) != NULL)
	{
		if (*element != '\0')
			*elements = lappend(*elements, element);
	}
	return true;
}

/* PostgreSQL 19 has these two in a header. */
#if PG_VERSION_NUM < 190000
unsigned char
pg_ascii_toupper(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? c & ~0x20 : c;
}

unsigned char
pg_ascii_tolower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}
#endif

/* ---- chance and numbers ---- */

pg_prng_state pg_global_prng_state;

uint64
pg_prng_uint64(pg_prng_state *state)
{
	return sim_random();
}

bool
pg_strong_random(void *octets, size_t len)
{
	uint8	   *at = octets;

	for (size_t i = 0; i < len; i++)
		at[i] = sim_random();
	return true;
}

uint64
hash_bytes_extended(const unsigned char *octets, int len, uint64 hash)
{
	for (int i = 0; i < len; i++)
		hash = (hash ^ octets[i]) * UINT64CONST(1099511628211);
	return hash ^ hash >> 29;
}

/* A digest: no two settings of a world have the same one. */
struct pg_cryptohash_ctx
{
	uint64		hash;
};

pg_cryptohash_ctx *
pg_cryptohash_create(pg_cryptohash_type type)
{
	return palloc(sizeof(pg_cryptohash_ctx));
}

int
pg_cryptohash_init(pg_cryptohash_ctx *context)
{
	context->hash = 0;
	return 0;
}

int
pg_cryptohash_update(pg_cryptohash_ctx *context, const uint8 *octets, size_t len)
{
	context->hash = hash_bytes_extended(octets, len, context->hash);
	return 0;
}

int
pg_cryptohash_final(pg_cryptohash_ctx *context, uint8 *digest, size_t len)
{
	memset(digest, 0, len);
	memcpy(digest, &context->hash, sizeof(context->hash));
	return 0;
}

void
pg_cryptohash_free(pg_cryptohash_ctx *context)
{
	pfree(context);
}

int
pg_strcasecmp(const char *a, const char *b)
{
	return strcasecmp(a, b);
}

int
pg_strncasecmp(const char *a, const char *b, size_t len)
{
	return strncasecmp(a, b, len);
}

uint64
pg_prng_uint64_range(pg_prng_state *state, uint64 least, uint64 most)
{
	return least + sim_random() % (most - least + 1);
}

static int
count_bits(uint64 word)
{
	return __builtin_popcountll(word);
}

/* Until PostgreSQL 18 a pointer on processors that are asked first; 19 has it in the header. */
#if defined(TRY_POPCNT_FAST) || defined(TRY_POPCNT_X86_64)
int			(*pg_popcount64) (uint64 word) = count_bits;
#elif PG_VERSION_NUM < 190000
int
pg_popcount64(uint64 word)
{
	return count_bits(word);
}
#endif

/* ---- the server ---- */

size_t
get_hash_memory_limit(void)
{
	return hash_memory_limit;
}

/* The library finds no file of the system. */
int
BasicOpenFile(const char *path, int flags)
{
	errno = ENOENT;
	return -1;
}

size_t
strlcpy(char *to, const char *from, size_t size)
{
	size_t		len = strlen(from);

	if (size > 0)
	{
		memcpy(to, from, Min(len, size - 1));
		to[Min(len, size - 1)] = '\0';
	}
	return len;
}

/*
 * names.c
 *
 * The names that sessions ask for: "h17.s2.example" is name 17 of session 2.  The first
 * letter is the kind, which tells how the servers answer.  With a cache all sessions ask the
 * names of session 0.  The targets of an alias are
 * "x17.s2.example" and "y17.s2.example".
 */
#include "world.h"

#include <ctype.h>

#define KIND(letter, share, status, extra) \
	{letter, offsetof(Params, share), status, extra}

static const NameKind kinds[] = {
	KIND('d', silent, "TIMEOUT", 0),
	KIND('w', slow, "NOERROR", 0),
	KIND('i', late40, "NOERROR", 40),
	KIND('j', late200, "NOERROR", 200),
	KIND('k', late1000, "NOERROR", 1000),
	KIND('p', latefail, "SERVFAIL", 3000),
	KIND('s', servfail, "SERVFAIL", 0),
	KIND('o', elsewhere, "NOERROR", 0),
	KIND('n', nx, "NXDOMAIN", 0),
	KIND('q', nodata, "NODATA", 0),
	KIND('t', tc, "NOERROR", 0),
	KIND('m', malformed, "MALFORMED", 0),
	KIND('f', forged, "NOERROR", 0),
	KIND('b', bare, "FORMERR", 0),
	KIND('c', cut, NULL, 0),
	KIND('z', flood, NULL, 0),
	KIND('e', noedns, "NOERROR", 0),
	KIND('r', refused, "REFUSED", 0),
	KIND('a', alias, "NOERROR", 0),
	KIND('g', circle, "MALFORMED", 0),
	KIND('u', aliasnone, "NODATA", 0),
	KIND('v', aliasbad, "MALFORMED", 0),
	KIND('l', lossy, NULL, 0),
	{'h', SIZE_MAX, "NOERROR", 0}
};

#define NKINDS	((int) (sizeof(kinds) / sizeof(kinds[0])))

const NameKind *
name_kind(char letter)
{
	int			i = 0;

	while (i < NKINDS - 1 && kinds[i].letter != letter)
		i++;
	return &kinds[i];
}

/*
 * Is a name an alias, so that others are asked for as well?
 */
bool
name_has_targets(const Name *name)
{
	return strchr("aguv", name->kind) != NULL;
}

/*
 * Chooses the kinds of a session's names.
 */
void
names_make(Session *session)
{
	Chance		chance = {seed * 77 + (set.cache ? 0 : session->task.id)};
	int			n = session->task.names;

	session->names = calloc(n, sizeof(Name));
	session->order = calloc(n, sizeof(int));
	session->name_of_id = calloc(65536, sizeof(int));
	for (int i = 0; i < n; i++)
	{
		double		at = set.tail ? (n - i - 0.5) / n : chance_unit(&chance);
		int			kind;

		for (kind = 0; kind < NKINDS - 1; kind++)
		{
			at -= *(double *) ((char *) &set + kinds[kind].param);
			if (at < 0)
				break;
		}
		session->names[i].kind = i % (int) set.alike == 0 ? kinds[kind].letter :
			session->names[i - 1].kind;
	}
}

/*
 * Writes a name of the running session.
 */
void
sim_name(int index, char *text)
{
	sprintf(text, "%c%d.s%d.example", running->names[index].kind, index,
			set.cache ? 0 : running->task.id);
}

/* Reads the digits of a label after its first letter; -1 if there are others. */
static int
read_number(const uint8_t *label, int len)
{
	int			number = 0;

	if (len < 2 || len > 9)
		return -1;
	for (int i = 1; i < len; i++)
	{
		if (!isdigit(label[i]))
			return -1;
		number = number * 10 + label[i] - '0';
	}
	return number;
}

/*
 * Finds the name for which a query asks, or returns NULL.
 */
Name *
name_asked(const uint8_t *query, int len, int *session, int *index)
{
	int			first;
	int			second;

	if (len < 12 + 1 + 2 + 1)
		return NULL;
	first = query[12];
	if (12 + 1 + first + 1 > len)
		return NULL;
	second = query[13 + first];
	if (13 + first + 1 + second > len)
		return NULL;
	*index = read_number(query + 13, first);
	*session = read_number(query + 14 + first, second);
	if (*index < 0 || *session < 0 || *session >= nsessions ||
		*index >= sessions[*session].task.names)
		return NULL;
	return &sessions[*session].names[*index];
}

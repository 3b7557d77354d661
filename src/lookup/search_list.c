/*
 * search_list.c
 *
 * The search list: which names an incomplete name is tried as (resolv.conf(5)), and
 * what comes of having tried them.  They are asked one after another, so that no
 * domain learns of a name that was found before it, and the next one is asked only if
 * this name, or its records, do not exist (RFC 1535 section 6).
 */
#include "postgres.h"

#include "lookup/lookup.h"

static List *copy_domains(void);
static int	count_labels(const DnsName *name);
static bool is_complete(const char *written, size_t len, const DnsName *name);
static List *add_candidate(List *candidates, const DnsName *name,
						   const DnsName *domain);

/*
 * Reads the search list of the settings, or else of the system, palloc'd.  If the
 * system's configuration is unreadable, raises or gives false, as on_failure says.
 */
bool
search_list_read(SearchList *list, OnFailure on_failure)
{
	ListCell   *cell;

	list->domains = NIL;
	list->ndots = setting_ndots;
	if (!setting_search)
		return true;
	if ((setting_ndots < 0 || *setting_domains == '\0') &&
		!resolv_conf_refresh(on_failure))
		return false;
	if (setting_ndots < 0)
		list->ndots = resolv_conf_ndots();
	if (*setting_domains != '\0')
	{
		list->domains = copy_domains();
		return true;
	}
	/* The next refresh can free these. */
	foreach(cell, resolv_conf_domains())
	{
		DnsName    *domain = palloc(sizeof(DnsName));

		name_copy(domain, lfirst(cell));
		list->domains = lappend(list->domains, domain);
	}
	return true;
}

/*
 * The names to try for a name, in order, as a List of DnsName *; written is how the
 * user wrote it.  Only the name itself if it is complete: then it is the caller's.
 */
List *
search_list_names(const SearchList *list, const char *written, size_t len,
				  const DnsName *name)
{
	bool		first = count_labels(name) - 1 >= list->ndots;
	List	   *candidates = NIL;
	ListCell   *cell;

	if (is_complete(written, len, name))
		return list_make1(unconstify(DnsName *, name));
	if (first)
		candidates = add_candidate(candidates, name, NULL);
	foreach(cell, list->domains)
		candidates = add_candidate(candidates, name, lfirst(cell));
	if (!first)
		candidates = add_candidate(candidates, name, NULL);
	return candidates;
}

/*
 * Is it the name of a host that has to be completed: a single label, without a final
 * dot?
 */
bool
search_list_completes(const char *written, size_t len, const DnsName *name)
{
	return count_labels(name) == 1 && !is_complete(written, len, name);
}

/*
 * Takes in the outcome of one more name.  The caller has set *outcome to zero before
 * the first one, and goes on to the next name only if this one is missing.
 */
void
search_list_add(DnsOutcome *outcome, const DnsOutcome *last)
{
	int			queries = outcome->queries + last->queries;
	int			servers = Max(outcome->servers, last->servers);

	/* An outcome of a name that exists replaces NXDOMAIN of another. */
	if (outcome->status == NULL || !outcome_is_missing(last) ||
		outcome->status->code == RCODE_NXDOMAIN)
		*outcome = *last;
	outcome->queries = queries;
	outcome->servers = servers;
}

/*
 * Notes in the outcome how many names were tried.
 */
void
search_list_note(DnsOutcome *outcome, int tried)
{
	StringInfoData sentence;

	if (tried <= 1 && outcome->note != NULL)
		return;
	initStringInfo(&sentence);
	appendStringInfo(&sentence, "%d %s tried", tried,
					 tried == 1 ? "name was" : "names were");
	if (!outcome_is_missing(outcome) && tried > 1)
		appendStringInfo(&sentence, ", the last one \"%s\"",
						 name_to_text(&outcome->question.name));
	appendStringInfoChar(&sentence, '.');
	outcome->note = sentence.data;
}

/* The domains of pgcares.domains. */
static List *
copy_domains(void)
{
	List	   *copies = NIL;
	List	   *domains;
	ListCell   *cell;

	if (!settings_list(setting_domains, &domains))
		elog(ERROR, "pgcares.domains is no list");
	foreach(cell, domains)
	{
		DnsName    *domain = palloc(sizeof(DnsName));

		if (name_parse(lfirst(cell), false, domain) != NULL)
			elog(ERROR, "pgcares.domains has no valid domain");
		copies = lappend(copies, domain);
	}
	return copies;
}

static int
count_labels(const DnsName *name)
{
	int			labels = 0;

	for (const uint8 *label = name->octets; *label != 0; label += 1 + *label)
		labels++;
	return labels;
}

/*
 * Must the search ask only the name as it is?  True if it ends with an
 * unescaped dot, or if it is special: no search domain must learn of it
 * (RFC 7686 section 2, RFC 6761 section 6).
 */
static bool
is_complete(const char *written, size_t len, const DnsName *name)
{
	const char *last = written + len - 1;
	int			backslashes = 0;

	if (!setting_search || name_never_asked(name) || name_is_localhost(name))
		return true;
	if (*last != '.')
		return false;
	for (const char *at = last; at > written && at[-1] == '\\'; at--)
		backslashes++;
	return backslashes % 2 == 0;
}

/*
 * Adds a name, followed by domain unless that is NULL.  Skips a name that is
 * there already or is too long.
 */
static List *
add_candidate(List *candidates, const DnsName *name, const DnsName *domain)
{
	DnsName    *candidate;
	ListCell   *cell;

	if (domain != NULL && name->len - 1 + domain->len > WIRE_NAME_MAX)
		return candidates;
	candidate = palloc(sizeof(DnsName));
	name_copy(candidate, name);
	if (domain != NULL)
	{
		memcpy(candidate->octets + name->len - 1, domain->octets, domain->len);
		candidate->len = name->len - 1 + domain->len;
	}
	foreach(cell, candidates)
	{
		if (name_equal(lfirst(cell), candidate))
			return candidates;
	}
	return lappend(candidates, candidate);
}

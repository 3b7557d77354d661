/*
 * rrtype.c
 *
 * The resource record types: number, mnemonic, meaning and the fields of their
 * data, in the words of the RFCs.  Everything else follows from this one
 * table: the check of an answer's data, its presentation format, its jsonb
 * form and the columns of the typed functions.  A new type is a new line here.
 * Source: the IANA registry of DNS parameters and the RFCs it names.
 */
#include "postgres.h"

#include "dns/dns.h"

#define DNS_TYPE_LOC		29
#define DNS_TYPE_A6			38

#define KEY_FIELDS \
	{"flags", FIELD_U16}, {"protocol", FIELD_U8}, {"algorithm", FIELD_U8}, \
	{"public_key", FIELD_BASE64}
#define DS_FIELDS \
	{"key_tag", FIELD_U16}, {"algorithm", FIELD_U8}, \
	{"digest_type", FIELD_U8}, {"digest", FIELD_HEX}
#define SIG_FIELDS \
	{"type_covered", FIELD_TYPE}, {"algorithm", FIELD_U8}, \
	{"labels", FIELD_U8}, {"original_ttl", FIELD_U32}, \
	{"expiration", FIELD_TIME}, {"inception", FIELD_TIME}, \
	{"key_tag", FIELD_U16}, {"signers_name", FIELD_NAME}, \
	{"signature", FIELD_BASE64}
#define SVCB_FIELDS \
	{"priority", FIELD_U16}, {"target", FIELD_NAME}, {"params", FIELD_PARAMS}
#define TLSA_FIELDS \
	{"cert_usage", FIELD_U8}, {"selector", FIELD_U8}, \
	{"matching_type", FIELD_U8}, {"data", FIELD_HEX}
#define TXT_FIELDS \
	{"txt", FIELD_JOINED}, {"strings", FIELD_STRINGS}

static bool is_chaos_address(const DnsRR *rr);
static bool has_unassigned_form(const DnsRR *rr);

/* RFC 3597 form, for types that are not laid out here or are no records. */
#define NO_FIELDS {{NULL, FIELD_UNKNOWN}}

/* Ascending by number. */
static const DnsType types[] = {
	{1, "A", "IPv4 address", {{"address", FIELD_IP4}}},
	{2, "NS", "authoritative name server", {{"nsdname", FIELD_NAME}}},
	{3, "MD", "mail destination (obsolete)", {{"madname", FIELD_NAME}}},
	{4, "MF", "mail forwarder (obsolete)", {{"madname", FIELD_NAME}}},
	{5, "CNAME", "canonical name of an alias", {{"cname", FIELD_NAME}}},
	{6, "SOA", "start of a zone of authority",
		{{"mname", FIELD_NAME}, {"rname", FIELD_NAME}, {"serial", FIELD_U32},
		{"refresh", FIELD_U32}, {"retry", FIELD_U32}, {"expire", FIELD_U32},
	{"minimum", FIELD_U32}}},
	{7, "MB", "mailbox domain name", {{"madname", FIELD_NAME}}},
	{8, "MG", "mail group member", {{"mgmname", FIELD_NAME}}},
	{9, "MR", "mail rename domain name", {{"newname", FIELD_NAME}}},
	{10, "NULL", "any octets", NO_FIELDS},
	{11, "WKS", "well known services (obsolete)",
		{{"address", FIELD_IP4}, {"protocol", FIELD_U8},
	{"bit_map", FIELD_PORTS}}},
	{12, "PTR", "domain name pointer", {{"ptrdname", FIELD_NAME}}},
	{13, "HINFO", "host information",
	{{"cpu", FIELD_STRING}, {"os", FIELD_STRING}}},
	{14, "MINFO", "mailbox or mail list information",
	{{"rmailbx", FIELD_NAME}, {"emailbx", FIELD_NAME}}},
	{15, "MX", "mail exchange",
	{{"preference", FIELD_U16}, {"exchange", FIELD_NAME}}},
	{16, "TXT", "text strings", {TXT_FIELDS}},
	{17, "RP", "responsible person",
	{{"mbox_dname", FIELD_NAME}, {"txt_dname", FIELD_NAME}}},
	{18, "AFSDB", "AFS database location",
	{{"subtype", FIELD_U16}, {"hostname", FIELD_NAME}}},
	{19, "X25", "X.25 PSDN address", {{"psdn_address", FIELD_STRING}}},
	{20, "ISDN", "ISDN address",
	{{"isdn_address", FIELD_STRING}, {"sa", FIELD_OPTIONAL_STRING}}},
	{21, "RT", "route through",
	{{"preference", FIELD_U16}, {"intermediate_host", FIELD_NAME}}},
	{22, "NSAP", "NSAP address", {{"nsap", FIELD_NSAP}}},
	{23, "NSAP-PTR", "domain name pointer of an NSAP address",
	{{"owner", FIELD_NAME}}},
	{24, "SIG", "security signature", {SIG_FIELDS}},
	{25, "KEY", "security key", {KEY_FIELDS}},
	{26, "PX", "X.400 mail mapping",
		{{"preference", FIELD_U16}, {"map822", FIELD_NAME},
	{"mapx400", FIELD_NAME}}},
	{27, "GPOS", "geographical position",
		{{"longitude", FIELD_STRING}, {"latitude", FIELD_STRING},
	{"altitude", FIELD_STRING}}},
	{28, "AAAA", "IPv6 address", {{"address", FIELD_IP6}}},
	{29, "LOC", "location", {{"location", FIELD_LOC}}},
	{30, "NXT", "next domain (obsolete)",
	{{"next_domain_name", FIELD_NAME}, {"type_bit_map", FIELD_FLAT_TYPES}}},
	{31, "EID", "endpoint identifier of Nimrod", {{"endpoint", FIELD_HEX}}},
	{32, "NIMLOC", "locator of Nimrod", {{"locator", FIELD_HEX}}},
	{33, "SRV", "server selection",
		{{"priority", FIELD_U16}, {"weight", FIELD_U16}, {"port", FIELD_U16},
	{"target", FIELD_NAME}}},
	{34, "ATMA", "ATM address", {{"address", FIELD_ATMA}}},
	{35, "NAPTR", "naming authority pointer",
		{{"order", FIELD_U16}, {"preference", FIELD_U16},
		{"flags", FIELD_STRING}, {"services", FIELD_STRING},
	{"regexp", FIELD_STRING}, {"replacement", FIELD_NAME}}},
	{36, "KX", "key exchanger",
	{{"preference", FIELD_U16}, {"exchanger", FIELD_NAME}}},
	{37, "CERT", "certificate",
		{{"type", FIELD_CERT_TYPE}, {"key_tag", FIELD_U16},
	{"algorithm", FIELD_KEY_ALGORITHM}, {"certificate", FIELD_BASE64}}},
	{38, "A6", "IPv6 address (historic)",
		{{"prefix_length", FIELD_U8}, {"address_suffix", FIELD_SUFFIX},
	{"prefix_name", FIELD_OPTIONAL_NAME}}},
	{39, "DNAME", "alias of a whole subtree", {{"target", FIELD_NAME}}},
	{40, "SINK", "kitchen sink (obsolete)",
		{{"meaning", FIELD_U8}, {"coding", FIELD_U8}, {"subcoding", FIELD_U8},
	{"data", FIELD_BASE64}}},
	{41, "OPT", "extension of the header", NO_FIELDS},
	{42, "APL", "address prefix list", {{"prefixes", FIELD_PREFIXES}}},
	{43, "DS", "delegation signer", {DS_FIELDS}},
	{44, "SSHFP", "SSH key fingerprint",
		{{"algorithm", FIELD_U8}, {"fp_type", FIELD_U8},
	{"fingerprint", FIELD_HEX}}},
	{45, "IPSECKEY", "IPsec key",
		{{"precedence", FIELD_U8}, {"gateway_type", FIELD_U8},
		{"algorithm", FIELD_U8}, {"gateway", FIELD_GATEWAY},
	{"public_key", FIELD_BASE64}}},
	{46, "RRSIG", "signature of an RRset", {SIG_FIELDS}},
	{47, "NSEC", "next secure name",
	{{"next_domain_name", FIELD_NAME}, {"types", FIELD_TYPES}}},
	{48, "DNSKEY", "key of a zone", {KEY_FIELDS}},
	{49, "DHCID", "DHCP client identifier", {{"data", FIELD_BASE64}}},
	{50, "NSEC3", "next secure hash",
		{{"hash_algorithm", FIELD_U8}, {"flags", FIELD_U8},
		{"iterations", FIELD_U16}, {"salt", FIELD_SALT},
	{"next_hashed_owner_name", FIELD_HASH}, {"types", FIELD_TYPES}}},
	{51, "NSEC3PARAM", "parameters of NSEC3",
		{{"hash_algorithm", FIELD_U8}, {"flags", FIELD_U8},
	{"iterations", FIELD_U16}, {"salt", FIELD_SALT}}},
	{52, "TLSA", "certificate association of a TLS server", {TLSA_FIELDS}},
	{53, "SMIMEA", "certificate association of a mail user", {TLSA_FIELDS}},
	{55, "HIP", "host identity protocol",
		{{"hit_length", FIELD_LENGTH8}, {"pk_algorithm", FIELD_U8},
		{"pk_length", FIELD_LENGTH16}, {"hit", FIELD_HIT},
		{"public_key", FIELD_HIP_KEY},
	{"rendezvous_servers", FIELD_NAMES}}},
	{56, "NINFO", "zone status", {TXT_FIELDS}},
	{57, "RKEY", "key for encryption", {KEY_FIELDS}},
	{58, "TALINK", "trust anchor link",
	{{"previous", FIELD_NAME}, {"next", FIELD_NAME}}},
	{59, "CDS", "DS records that the child wants", {DS_FIELDS}},
	{60, "CDNSKEY", "DNSKEY records that the child wants in its DS",
	{KEY_FIELDS}},
	{61, "OPENPGPKEY", "OpenPGP key", {{"public_key", FIELD_BASE64}}},
	{62, "CSYNC", "synchronisation from child to parent",
		{{"soa_serial", FIELD_U32}, {"flags", FIELD_U16},
	{"types", FIELD_TYPES}}},
	{63, "ZONEMD", "digest of a zone",
		{{"serial", FIELD_U32}, {"scheme", FIELD_U8},
	{"hash_algorithm", FIELD_U8}, {"digest", FIELD_HEX}}},
	{64, "SVCB", "service binding", {SVCB_FIELDS}},
	{65, "HTTPS", "service binding of HTTPS", {SVCB_FIELDS}},
	{66, "DSYNC", "where to send notifications of the child",
		{{"rrtype", FIELD_TYPE}, {"scheme", FIELD_DSYNC_SCHEME}, {"port", FIELD_U16},
	{"target", FIELD_NAME}}},
	{67, "HHIT", "hierarchical host identity tag", {{"data", FIELD_BASE64}}},
	{68, "BRID", "broadcast remote identifier of UAS", {{"data", FIELD_BASE64}}},
	{99, "SPF", "sender policy framework (obsolete)", {TXT_FIELDS}},
	{100, "UINFO", "user information", NO_FIELDS},
	{101, "UID", "user identifier", NO_FIELDS},
	{102, "GID", "group identifier", NO_FIELDS},
	{103, "UNSPEC", "unspecified", NO_FIELDS},
	{104, "NID", "node identifier",
	{{"preference", FIELD_U16}, {"node_id", FIELD_GROUPS}}},
	{105, "L32", "32-bit locator",
	{{"preference", FIELD_U16}, {"locator32", FIELD_IP4}}},
	{106, "L64", "64-bit locator",
	{{"preference", FIELD_U16}, {"locator64", FIELD_GROUPS}}},
	{107, "LP", "locator pointer",
	{{"preference", FIELD_U16}, {"fqdn", FIELD_NAME}}},
	{108, "EUI48", "48-bit extended unique identifier",
	{{"address", FIELD_EUI48}}},
	{109, "EUI64", "64-bit extended unique identifier",
	{{"address", FIELD_EUI64}}},
	{128, "NXNAME", "mark of a name that does not exist", NO_FIELDS},
	{249, "TKEY", "transaction key",
		{{"algorithm", FIELD_NAME}, {"inception", FIELD_U32},
		{"expiration", FIELD_U32}, {"mode", FIELD_U16}, {"error", FIELD_RCODE},
	{"key_data", FIELD_SIZED}, {"other_data", FIELD_SIZED}}},
	{250, "TSIG", "transaction signature",
		{{"algorithm_name", FIELD_NAME}, {"time_signed", FIELD_TIME48},
		{"fudge", FIELD_U16}, {"mac", FIELD_SIZED}, {"original_id", FIELD_U16},
	{"error", FIELD_RCODE}, {"other_data", FIELD_SIZED}}},
	{251, "IXFR", "incremental zone transfer", NO_FIELDS},
	{252, "AXFR", "zone transfer", NO_FIELDS},
	{253, "MAILB", "mailbox records (obsolete)", NO_FIELDS},
	{254, "MAILA", "mail agent records (obsolete)", NO_FIELDS},
	{255, "ANY", "all records", NO_FIELDS},
	{256, "URI", "uniform resource identifier",
		{{"priority", FIELD_U16}, {"weight", FIELD_U16},
	{"target", FIELD_TEXT}}},
	{257, "CAA", "certification authority authorization",
	{{"flags", FIELD_U8}, {"tag", FIELD_TAG}, {"value", FIELD_TEXT}}},
	{258, "AVC", "application visibility and control", {TXT_FIELDS}},
	{259, "DOA", "digital object architecture",
		{{"enterprise", FIELD_U32}, {"type", FIELD_U32}, {"location", FIELD_U8},
	{"media_type", FIELD_STRING}, {"data", FIELD_DOA_DATA}}},
	{260, "AMTRELAY", "automatic multicast tunneling relay",
		{{"precedence", FIELD_U8}, {"type", FIELD_RELAY_TYPE},
	{"relay", FIELD_GATEWAY}}},
	{261, "RESINFO", "resolver information", {TXT_FIELDS}},
	{262, "WALLET", "public wallet address", {TXT_FIELDS}},
	{263, "CLA", "BP convergence layer adapter", {TXT_FIELDS}},
	{264, "IPN", "BP node number", NO_FIELDS},
	{32768, "TA", "DNSSEC trust authority", {DS_FIELDS}},
	{32769, "DLV", "DNSSEC lookaside validation (obsolete)", {DS_FIELDS}},
};

static const struct
{
	uint16		code;
	const char *name;
}			classes[] = {
	{DNS_CLASS_IN, "IN"},
	{DNS_CLASS_CH, "CH"},
	{DNS_CLASS_CH, "CHAOS"},
	{DNS_CLASS_HS, "HS"},
	{DNS_CLASS_HS, "HESIOD"},
	{DNS_CLASS_NONE, "NONE"},
	{DNS_CLASS_ANY, "ANY"},
};

/*
 * The type with that number, or NULL if it has no name.
 */
const DnsType *
rrtype_by_code(uint16 code)
{
	int			low = 0;
	int			high = Min(code, (int) lengthof(types)) - 1;
	int			middle = high;	/* its place if no number is missing */

	while (low <= high)
	{
		if (types[middle].code == code)
			return &types[middle];
		if (types[middle].code < code)
			low = middle + 1;
		else
			high = middle - 1;
		middle = (low + high) / 2;
	}
	return NULL;
}

/*
 * The number of a mnemonic, in any case, or -1.  Asterisk is ANY in RFC 1035
 * section 3.2.3.
 */
int
rrtype_by_name(const char *name)
{
	if (strcmp(name, "*") == 0)
		return DNS_TYPE_ANY;
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		if (pg_strcasecmp(types[i].name, name) == 0)
			return types[i].code;
	}
	return -1;
}

/*
 * The type at an index of the table, from 0; NULL after the last one.
 */
const DnsType *
rrtype_at(int index)
{
	return index < (int) lengthof(types) ? &types[index] : NULL;
}

/*
 * The mnemonic of a class, or NULL.
 */
const char *
rrclass_name(uint16 code)
{
	for (int i = 0; i < (int) lengthof(classes); i++)
	{
		if (classes[i].code == code)
			return classes[i].name;
	}
	return NULL;
}

/*
 * The number of a class's mnemonic, in any case, or -1.
 */
int
rrclass_by_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(classes); i++)
	{
		if (pg_strcasecmp(classes[i].name, name) == 0)
			return classes[i].code;
	}
	return -1;
}

/*
 * Appends the mnemonic of a type, or TYPEnnn.
 */
void
rrtype_append(StringInfo out, uint16 code)
{
	const DnsType *type = rrtype_by_code(code);

	if (type != NULL)
		appendStringInfoString(out, type->name);
	else
		appendStringInfo(out, "TYPE%d", code);
}

/*
 * Returns the same text, static or palloc'd.
 */
const char *
rrtype_text(uint16 code)
{
	const DnsType *type = rrtype_by_code(code);

	return type != NULL ? type->name : psprintf("TYPE%d", code);
}

/*
 * The mnemonic of a class, or CLASSnnn.  Static or palloc'd.
 */
const char *
rrclass_text(uint16 code)
{
	const char *name = rrclass_name(code);

	return name != NULL ? name : psprintf("CLASS%d", code);
}

/*
 * The fields in a record's data, ending with one without a name.  If the
 * type's own fields do not apply, one field stands for all the octets.
 */
const DnsFieldDef *
rrtype_fields(const DnsRR *rr)
{
	static const DnsFieldDef unknown[] = {
		{"data", FIELD_UNKNOWN}, {NULL, FIELD_UNKNOWN}
	};
	static const DnsFieldDef chaos_address[] = {
		{"domain_name", FIELD_NAME}, {"address", FIELD_OCTAL}, {NULL, FIELD_UNKNOWN}
	};
	const DnsType *type = rrtype_by_code(rr->type);

	if (type == NULL || type->fields[0].name == NULL || has_unassigned_form(rr))
		return unknown;
	if (rr->class == DNS_CLASS_IN)
		return type->fields;

	/* Updates name records without their data (RFC 2136 sections 2.4 and 2.5). */
	if (rr->rdlength == 0 &&
		(rr->class == DNS_CLASS_ANY || rr->class == DNS_CLASS_NONE))
		return unknown;

	if (is_chaos_address(rr))
		return chaos_address;

	/*
	 * Addresses have their form in classes IN and HS only.  In class NONE they are
	 * those of the zone's class, IN, that an update deletes (RFC 2136 section 2.5.4).
	 */
	if ((type->fields[0].kind == FIELD_IP4 ||
		 type->fields[0].kind == FIELD_IP6) &&
		rr->class != DNS_CLASS_HS && rr->class != DNS_CLASS_NONE)
		return unknown;

	return type->fields;
}

/*
 * Is this an address of class CH, a name and 16 bits (RFC 1034 section 3.6)?  Servers
 * that ignore the class send IPv4 addresses, some of which look like compressed names.
 */
static bool
is_chaos_address(const DnsRR *rr)
{
	int			at = 0;

	if (rr->type != DNS_TYPE_A || rr->class != DNS_CLASS_CH)
		return false;
	while (at < rr->rdlength && rr->rdata[at] > 0 && rr->rdata[at] <= WIRE_LABEL_MAX)
		at += 1 + rr->rdata[at];
	return at + 3 == rr->rdlength && rr->rdata[at] == 0;
}

/* Does a field have a value whose meaning for the others nobody has defined yet? */
static bool
has_unassigned_form(const DnsRR *rr)
{
	switch (rr->type)
	{
		case DNS_TYPE_LOC:		/* the version, RFC 1876 section 2 */
			return rr->rdlength > 0 && rr->rdata[0] != 0;
		case DNS_TYPE_A6:		/* bits before the suffix, RFC 2874 section 3.1 */
			return rr->rdlength > 0 && rr->rdata[0] > 128;
		case DNS_TYPE_IPSECKEY: /* the kind of gateway, RFC 4025 section 2.3 */
			return rr->rdlength >= 3 && rr->rdata[1] > GATEWAY_NAME;
		case DNS_TYPE_AMTRELAY: /* the kind of relay, RFC 8777 section 4.2.3 */
			return rr->rdlength >= 2 && (rr->rdata[1] & 0x7f) > GATEWAY_NAME;
		default:
			return false;
	}
}

/*
 * dns.h
 *
 * DNS itself: messages, names, types, and record data as text and JSON.  Nothing here
 * knows a setting, a socket or a call.
 */
#ifndef PGCARES_DNS_H
#define PGCARES_DNS_H

#include "system/system.h"

#include "utils/inet.h"
#include "utils/jsonb.h"

/* ---- message.c: DNS messages in wire form (RFC 1035) ---- */

#define WIRE_HEADER_SIZE	12
#define WIRE_RECORD_FIXED	10	/* of a record, between its name and its data */
#define WIRE_LABEL_MAX		63	/* octets of a label */
#define WIRE_NAME_MAX		255 /* octets of a name, the root label included */
#define WIRE_POINTER		0xC0	/* in the first octet of a compressed name (section 4.1.4) */
#define WIRE_POINTERS_MAX	127 /* the most labels that a name can have */
#define WIRE_UDP_MIN		512 /* the limit of UDP without EDNS */

#define STREAM_PREFIX		2	/* octets of the length before a message */
#define STREAM_MAX_FRAME	(STREAM_PREFIX + 65535)

#define WIRE_QR				0x8000
#define WIRE_OPCODE_MASK	0x7800
#define WIRE_TC				0x0200
#define WIRE_AA				0x0400
#define WIRE_RD				0x0100
#define WIRE_RA				0x0080
#define WIRE_AD				0x0020
#define WIRE_CD				0x0010
#define WIRE_RCODE_MASK		0x000f

#define DNS_TYPE_A			1
#define DNS_TYPE_NS			2
#define DNS_TYPE_CNAME		5
#define DNS_TYPE_SOA		6
#define DNS_TYPE_PTR		12
#define DNS_TYPE_AAAA		28
#define DNS_TYPE_OPT		41
#define DNS_TYPE_IPSECKEY	45
#define DNS_TYPE_TKEY		249
#define DNS_TYPE_AXFR		252
#define DNS_TYPE_ANY		255
#define DNS_TYPE_AMTRELAY	260

#define DNS_CLASS_IN		1
#define DNS_CLASS_CH		3
#define DNS_CLASS_HS		4
#define DNS_CLASS_NONE		254
#define DNS_CLASS_ANY		255

#define RCODE_NOERROR		0
#define RCODE_FORMERR		1
#define RCODE_SERVFAIL		2
#define RCODE_NXDOMAIN		3
#define RCODE_NOTIMP		4
#define RCODE_REFUSED		5
#define RCODE_BADVERS		16

#define EDNS_DO				0x8000
#define EDNS_OPTION_NSID	3	/* RFC 5001 */
#define EDNS_OPTION_EDE		15	/* RFC 8914 */

/* Parameters of SVCB and HTTPS records (RFC 9460 section 14.3). */
#define SVC_MANDATORY		0
#define SVC_ALPN			1
#define SVC_NO_DEFAULT_ALPN 2
#define SVC_PORT			3
#define SVC_IPV4HINT		4
#define SVC_ECH				5
#define SVC_IPV6HINT		6
#define SVC_OHTTP			8
#define SVC_INVALID			65535

/* Kinds of gateway in IPSECKEY and AMTRELAY records. */
#define GATEWAY_NONE		0
#define GATEWAY_IP4			1
#define GATEWAY_IP6			2
#define GATEWAY_NAME		3

/* A name in wire form, uncompressed, with the root label at its end. */
typedef struct DnsName
{
	uint8		len;
	uint8		octets[WIRE_NAME_MAX];
} DnsName;

typedef struct DnsQuestion
{
	DnsName		name;
	uint16		type;
	uint16		class;
	bool		nsid;			/* ask the server for its identifier */
} DnsQuestion;

/* The sections that hold records; the numbers index DnsMessage.count. */
typedef enum DnsSection
{
	DNS_ANSWER = 1,
	DNS_AUTHORITY,
	DNS_ADDITIONAL
} DnsSection;

/* Offsets of the parts of a message; 0 if not found yet. */
typedef struct DnsPlaces
{
	uint16		section[4];		/* by DnsSection */
	uint16		opt;			/* the OPT record, behind its name */
	bool		located;		/* all are found: the message is sound */
} DnsPlaces;

/* A message; the octets belong to somebody else. */
typedef struct DnsMessage
{
	const uint8 *start;
	const uint8 *end;
	uint16		id;
	uint16		flags;
	uint16		count[4];
	DnsPlaces	places;
} DnsMessage;

typedef struct DnsRR
{
	DnsName		name;
	uint16		type;
	uint16		class;
	uint32		ttl;			/* as sent: see message_ttl() */
	uint16		rdlength;
	const uint8 *rdata;			/* points into the message */
} DnsRR;

/* A place in a section. */
typedef struct DnsCursor
{
	const DnsMessage *message;
	const uint8 *pos;
	int			left;			/* records still to be read */
} DnsCursor;

/* The layout and the text form of a field of record data. */
typedef enum DnsFieldKind
{
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_TIME,					/* 32-bit seconds since 1970, RFC 4034 3.1.5 */
	FIELD_TIME48,				/* 48-bit seconds since 1970, RFC 8945 4.2 */
	FIELD_TYPE,					/* number of a record type */
	FIELD_RCODE,				/* response code of TSIG and TKEY, as a mnemonic */
	FIELD_OCTAL,				/* 16-bit number with octal digits */
	FIELD_CERT_TYPE,			/* RFC 4398 section 2.1 */
	FIELD_KEY_ALGORITHM,		/* RFC 4034 appendix A.1, as a mnemonic */
	FIELD_DSYNC_SCHEME,			/* RFC 9859 section 2.2 */
	FIELD_RELAY_TYPE,			/* a bit and a number, RFC 8777 section 4.2 */
	FIELD_IP4,
	FIELD_IP6,
	FIELD_EUI48,
	FIELD_EUI64,
	FIELD_GROUPS,				/* 64 bits as four hexadecimal groups */
	FIELD_LOC,					/* the whole of a LOC record */
	FIELD_NAME,
	FIELD_OPTIONAL_NAME,		/* can be missing at the end */
	FIELD_LENGTH8,				/* length of a later field; not shown */
	FIELD_LENGTH16,
	FIELD_SIZED,				/* two octets of length, then octets */
	FIELD_HIT,					/* of HIP; the first octet gives its length */
	FIELD_HIP_KEY,				/* the third and fourth give its length */
	FIELD_SUFFIX,				/* of A6: 128 bits less the first octet */
	FIELD_STRING,				/* a character-string, quoted */
	FIELD_OPTIONAL_STRING,		/* the same; can be missing at the end */
	FIELD_TAG,					/* a character-string, not quoted */
	FIELD_SALT,					/* length octet, then hexadecimal; - if empty */
	FIELD_HASH,					/* length octet, then base32hex */
	FIELD_JOINED,				/* character-strings joined; comes before
								 * FIELD_STRINGS, which reads the same octets */
	/* all of these extend to the end of the data */
	FIELD_STRINGS,
	FIELD_TEXT,					/* quoted */
	FIELD_HEX,
	FIELD_NSAP,					/* hexadecimal after 0x, RFC 1706 section 7 */
	FIELD_BASE64,
	FIELD_DOA_DATA,				/* the same; - if empty */
	FIELD_TYPES,				/* bitmap of record types */
	FIELD_PARAMS,				/* parameters of SVCB */
	FIELD_PREFIXES,				/* items of APL */
	FIELD_NAMES,				/* uncompressed */
	FIELD_PORTS,				/* bitmap of ports, of WKS */
	FIELD_FLAT_TYPES,			/* bitmap of the first 128 types, of NXT */
	FIELD_ATMA,
	FIELD_GATEWAY,
	FIELD_UNKNOWN				/* RFC 3597 */
} DnsFieldKind;

typedef struct DnsFieldDef
{
	const char *name;			/* the RFC's, in lower case; NULL ends a list */
	DnsFieldKind kind;
} DnsFieldDef;

/* A field of one record; its kind decides which members are set. */
typedef struct DnsField
{
	const DnsFieldDef *def;
	uint32		number;
	const uint8 *data;			/* points into the message */
	size_t		len;
	DnsName		name;
} DnsField;

/* A place in the data of a record. */
typedef struct DnsRdata
{
	const DnsMessage *message;
	const DnsRR *rr;
	const DnsFieldDef *def;
	const uint8 *pos;
	const uint8 *end;
} DnsRdata;

static inline uint16
wire_u16(const uint8 *at)
{
	return (uint16) ((at[0] << 8) | at[1]);
}

static inline uint32
wire_u32(const uint8 *at)
{
	return ((uint32) wire_u16(at) << 16) | wire_u16(at + 2);
}

static inline void
wire_put_u16(uint8 *at, uint16 value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/* Copies a name, but not the unused octets. */
static inline void
name_copy(DnsName *to, const DnsName *from)
{
	memcpy(to, from, offsetof(DnsName, octets) + from->len);
}

static inline void
question_copy(DnsQuestion *to, const DnsQuestion *from)
{
	name_copy(&to->name, &from->name);
	to->type = from->type;
	to->class = from->class;
	to->nsid = from->nsid;
}

/* Does the octet stand for itself in every text form of a name? */
static inline bool
octet_is_plain(uint8 octet)
{
	static const bool plain[256] = {
		['-'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['_'] = true,
		['a' ... 'z'] = true
	};

	return plain[octet];
}

extern bool message_open(DnsMessage *message, const uint8 *octets, size_t len);
extern bool message_name(const DnsMessage *message, const uint8 **pos,
						 const uint8 *limit, DnsName *name);
extern bool message_asks(DnsMessage *message, const DnsQuestion *question);
extern bool message_question(const DnsMessage *message, DnsQuestion *question, const uint8 **pos);
extern bool message_next_question(const DnsMessage *message, DnsQuestion *question,
								  const uint8 **pos);
extern bool message_section(const DnsMessage *message, DnsSection section,
							DnsCursor *cursor);
extern bool message_next(DnsCursor *cursor, DnsRR *rr);
extern bool message_opt(const DnsMessage *message, DnsRR *opt);
extern int	message_rcode(const DnsMessage *message);
extern bool message_is_referral(const DnsMessage *message);
extern bool message_is_delegation(const DnsMessage *message);
extern int32 message_ttl(const DnsRR *rr);
extern bool message_next_option(const DnsRR *opt, const uint8 **pos, uint16 *code,
								const uint8 **value, size_t *len);
extern bool message_opt_option(const DnsRR *opt, uint16 code, const uint8 **value, size_t *len);
extern bool message_extended_error(const DnsMessage *message, int *code,
								   const uint8 **text, size_t *len);

/* ---- ttl.c: how long the records of a message hold ---- */

extern int32 ttl_lowest(const DnsMessage *message, int32 *negative);
extern void ttl_count_down(const DnsMessage *message, uint8 *octets, int32 seconds);

/* ---- rdata.c: the data of records, field by field ---- */

extern void rdata_open(const DnsMessage *message, const DnsRR *rr, DnsRdata *rdata);
extern bool rdata_next(DnsRdata *rdata, DnsField *field);
extern bool rdata_done(const DnsRdata *rdata);
extern bool rdata_string(const uint8 **pos, const uint8 *end,
						 const uint8 **data, size_t *len);
extern bool rdata_plain_name(const uint8 **pos, const uint8 *end, DnsName *name);

/* ---- sound.c: checks of whole messages ---- */

extern bool sound_message(DnsMessage *message);
extern bool sound_sections(DnsMessage *message);
extern bool sound_rdata(const DnsMessage *message, const DnsRR *rr);

/* ---- address.c: IP addresses ---- */

extern inet *address_inet(const uint8 *octets, size_t len);
extern void address_set_inet(inet *address, const uint8 *octets, size_t len);
extern char *address_text(const inet *address);
extern bool address_parse(const char *text, inet *address);
extern bool address_parse_masked(const char *text, inet *address);
extern bool address_parse_host(const char *text, inet *address);
extern void address_reverse_name(const inet *address, DnsName *name);

/* ---- rrtype.c: the record types ---- */

#define RRTYPE_MAX_FIELDS	9

typedef struct DnsType
{
	uint16		code;
	const char *name;
	const char *meaning;
	DnsFieldDef fields[RRTYPE_MAX_FIELDS + 1];
} DnsType;

extern const DnsType *rrtype_by_code(uint16 code);
extern int	rrtype_by_name(const char *name);
extern const DnsType *rrtype_at(int index);
extern const char *rrclass_name(uint16 code);
extern int	rrclass_by_name(const char *name);
extern const DnsFieldDef *rrtype_fields(const DnsRR *rr);
extern void rrtype_append(StringInfo out, uint16 code);
extern const char *rrtype_text(uint16 code);
extern const char *rrclass_text(uint16 code);

/* ---- idn.c: names that are not ASCII ---- */

extern const char *idn_to_ascii(const char *text, char **ascii);

/* ---- name.c: names as users write them ---- */

/* A reason of name_parse() to which a message can add the octet */
#define NAME_NEEDS_ESCAPE	"White space and control characters have to be escaped."

extern const char *name_parse(const char *text, bool idn, DnsName *name);
extern const char *name_parse_with_len(const char *text, size_t len,
									   bool idn, DnsName *name);
extern char *name_to_text(const DnsName *name);
extern void name_refuse(const char *text, const char *reason);
extern bool name_never_asked(const DnsName *name);
extern bool name_is_localhost(const DnsName *name);
extern void name_randomize_case(DnsName *name);
extern bool name_equal(const DnsName *a, const DnsName *b);
extern void name_fold(const DnsName *name, uint8 *octets);
extern uint32 name_hash(const DnsName *name, uint64 seed);
extern bool name_octets_equal(const uint8 *a, const uint8 *b, size_t len);

/* ---- alias.c: from the question's name to the records ---- */

typedef enum AliasEnd
{
	ALIAS_RECORDS,
	ALIAS_NO_RECORDS,
	ALIAS_LOOP,
	ALIAS_TOO_LONG
} AliasEnd;

/*
 * The most names in a chain, the question's included.  Chosen, not measured; RFC
 * 1034 section 3.6.2 sets no limit.  A longer chain is ALIAS_TOO_LONG.
 */
#define ALIAS_MAX_NAMES		17

extern int	alias_names(const DnsMessage *message, const DnsQuestion *question,
						DnsName *names);
extern AliasEnd alias_follow(const DnsMessage *message,
							 const DnsQuestion *question, DnsName *owner);
extern bool alias_answers(const DnsRR *rr, const DnsQuestion *question,
						  const DnsName *owner);

/* ---- jsonb.c: jsonb, piece by piece ---- */

extern JsonbValue *jsonb_add_member(JsonbValue *object, const char *key);
extern void jsonb_set_string(JsonbValue *value, char *text, int len);
extern void jsonb_set_number(JsonbValue *value, int64 number);
extern void jsonb_set_decimal(JsonbValue *value, double number, int digits);
extern void jsonb_set_boolean(JsonbValue *value, bool boolean);
extern void jsonb_push_key(JsonbState *state, const char *key);
extern void jsonb_push_text(JsonbState *state, StringInfo buffer);
extern void jsonb_push_word(JsonbState *state, const char *word);
extern void jsonb_push_number(JsonbState *state, int64 number);
extern void jsonb_push_boolean(JsonbState *state, bool boolean);
extern Jsonb *jsonb_end_object(JsonbState *state);

/* ---- json.c: record data as jsonb ---- */

extern Jsonb *json_rdata(const DnsMessage *message, const DnsRR *rr);
extern Jsonb *json_params(const DnsField *field);

/* ---- options.c: the options of EDNS ---- */

extern void options_name(StringInfo out, uint16 code);
extern Jsonb *options_data(uint16 code, const uint8 *octets, size_t len);

/* ---- encode.c: names, addresses, numbers and octets as text ---- */

/* Octets that are escaped with a backslash. */
#define ESCAPED_IN_NAMES	"\"$().;@\\ "
#define ESCAPED_IN_QUOTES	"\"\\"
#define ESCAPED_IN_TEXT		"\\"

extern void encode_name(StringInfo out, const DnsName *name, bool final_dot);
extern void encode_octets(StringInfo out, const uint8 *octets, size_t len,
						  const char *escaped);
extern void encode_text(StringInfo out, const uint8 *octets, size_t len);
extern const char *encode_readable(const char *text);
extern char *encode_recode(const char *text, size_t len, int from, int to);
extern void encode_hex(StringInfo out, const uint8 *octets, size_t len);
extern void encode_base64(StringInfo out, const uint8 *octets, size_t len);
extern void encode_base32hex(StringInfo out, const uint8 *octets, size_t len);
extern void encode_address(StringInfo out, const uint8 *octets, size_t len);
extern void encode_decimal(StringInfo out, uint32 number);

/* ---- presentation.c: record data as in zone files ---- */

extern void presentation_rdata(StringInfo out, const DnsMessage *message, const DnsRR *rr);
extern void presentation_hex(StringInfo out, const DnsMessage *message, const DnsRR *rr);
extern void presentation_field(StringInfo out, const DnsField *field);

/* ---- exact.c: does the text of record data stand for its octets? ---- */

extern bool exact_rdata(DnsRdata rdata);

/* ---- fields.c: fields with a format of their own ---- */

/* The place up to which a bitmap of numbers has been read. */
typedef struct DnsBitmapPlace
{
	const uint8 *window;
	int			bit;			/* of this window */
} DnsBitmapPlace;

extern void fields_joined(StringInfo out, const DnsField *field);
extern void fields_eui(StringInfo out, const uint8 *octets, size_t len);
extern void fields_time(StringInfo out, uint32 seconds, const char *format);
extern uint64 fields_time48(const DnsField *field);
extern void fields_rcode(StringInfo out, uint16 code);
extern void fields_cert_type(StringInfo out, uint16 type);
extern void fields_key_algorithm(StringInfo out, uint8 algorithm);
extern int	fields_next_number(const DnsField *field, DnsBitmapPlace *at);
extern void fields_bitmap(StringInfo out, const DnsField *field);
extern void fields_gateway(StringInfo out, const DnsField *field);
extern void fields_names(StringInfo out, const DnsField *field);
extern void fields_suffix(StringInfo out, const DnsField *field);
extern void fields_atma(StringInfo out, const DnsField *field);
extern void fields_prefixes(StringInfo out, const uint8 *octets, size_t len);
extern void fields_location(StringInfo out, const uint8 *octets);

/* ---- svcb.c: parameters of SVCB and HTTPS records ---- */

extern void svcb_params(StringInfo out, const uint8 *octets, size_t len);
extern void svcb_param_key(StringInfo out, uint16 key);
extern bool svcb_exact(const uint8 *octets, size_t len);

#endif							/* PGCARES_DNS_H */

/*
 * pgcares.h
 *
 * Types and prototypes that the files of pgcares share, in sections by file,
 * in the order in which a lookup passes through them: settings, question,
 * window, channel, socket, guard, wait, outcome, host, record.  What looks ahead
 * of calls comes last.
 */
#ifndef PGCARES_H
#define PGCARES_H

#include "compat.h"

#include <net/if.h>
#include <sys/socket.h>

#include "access/parallel.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "nodes/plannodes.h"
#include "nodes/execnodes.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/inet.h"
#include "utils/jsonb.h"

/* ---- wire.c: DNS messages as they are (RFC 1035) ---- */

#define WIRE_HEADER_SIZE	12
#define WIRE_RECORD_FIXED	10	/* of a record, between its name and its data */
#define WIRE_LABEL_MAX		63	/* octets of a label */
#define WIRE_NAME_MAX		255 /* octets of a name, the root label included */
#define WIRE_POINTERS_MAX	127 /* as many as it can have labels */
#define WIRE_UDP_MIN		512 /* what every server may send without EDNS */

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
#define DNS_TYPE_CNAME		5
#define DNS_TYPE_PTR		12
#define DNS_TYPE_AAAA		28
#define DNS_TYPE_DNAME		39
#define DNS_TYPE_OPT		41
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

/* Kinds of gateway in IPSECKEY and AMTRELAY records. */
#define GATEWAY_NONE		0
#define GATEWAY_IP4			1
#define GATEWAY_IP6			2
#define GATEWAY_NAME		3

/* A name in wire form, uncompressed, the root label at its end. */
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
	bool		nsid;			/* the server is asked for its identifier */
} DnsQuestion;

/* The sections that hold records; the numbers index DnsMessage.count. */
typedef enum DnsSection
{
	DNS_ANSWER = 1,
	DNS_AUTHORITY,
	DNS_ADDITIONAL
} DnsSection;

/* Where in a message something begins; 0 for what has not been found yet. */
typedef struct DnsPlaces
{
	uint16		section[4];		/* by DnsSection */
	uint16		opt;			/* the OPT record, behind its name */
	bool		known;			/* all is found: the message is sound */
} DnsPlaces;

/* A message that lies somewhere else. */
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
	uint32		ttl;			/* as sent: see wire_ttl() */
	uint16		rdlength;
	const uint8 *rdata;			/* points into the message */
} DnsRR;

/* A place in a section. */
typedef struct DnsCursor
{
	const DnsMessage *message;
	const uint8 *pos;
	int			left;			/* records that are still to come */
} DnsCursor;

/* How a field of a record's data is laid out and written. */
typedef enum DnsFieldKind
{
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_TIME,					/* 32-bit seconds since 1970, RFC 4034 3.1.5 */
	FIELD_TYPE,					/* number of a record type */
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
	FIELD_OPTIONAL_NAME,		/* may be missing at the end */
	FIELD_LENGTH8,				/* length of a later field, not shown */
	FIELD_LENGTH16,
	FIELD_HIT,					/* of HIP, as long as the first octet says */
	FIELD_HIP_KEY,				/* as long as the third and fourth say */
	FIELD_SUFFIX,				/* of A6: 128 bits less the first octet's */
	FIELD_STRING,				/* a character-string, quoted */
	FIELD_OPTIONAL_STRING,		/* the same, may be missing at the end */
	FIELD_TAG,					/* a character-string, not quoted */
	FIELD_SALT,					/* length octet, then hexadecimal; - if empty */
	FIELD_HASH,					/* length octet, then base32hex */
	FIELD_JOINED,				/* character-strings joined; stands before
								 * FIELD_STRINGS, which reads the same octets */
	/* all of these go on to the end of the data */
	FIELD_STRINGS,
	FIELD_TEXT,					/* quoted */
	FIELD_HEX,
	FIELD_NSAP,					/* hexadecimal behind 0x, RFC 1706 section 7 */
	FIELD_BASE64,
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

/* A field of one record; which members count depends on the kind. */
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

/* Copies a name, and only the octets that it has. */
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

/* Is it an octet that means itself wherever names are written? */
static inline bool
octet_is_plain(uint8 octet)
{
	return (uint8) ((octet | 0x20) - 'a') < 26 ||
		(uint8) (octet - '0') < 10 || octet == '-' || octet == '_';
}

extern bool wire_open(DnsMessage *message, const uint8 *octets, size_t len);
extern bool wire_name(const DnsMessage *message, const uint8 **pos,
					  const uint8 *limit, DnsName *name);
extern bool name_equal(const DnsName *a, const DnsName *b);
extern bool wire_asks(DnsMessage *message, const DnsQuestion *question);
extern bool wire_question(const DnsMessage *message, DnsQuestion *question,
						  const uint8 **pos);
extern bool wire_next_question(const DnsMessage *message, DnsQuestion *question,
							   const uint8 **pos);
extern bool wire_section(const DnsMessage *message, DnsSection section,
						 DnsCursor *cursor);
extern bool wire_next(DnsCursor *cursor, DnsRR *rr);
extern bool wire_opt(const DnsMessage *message, DnsRR *opt);
extern int	wire_rcode(const DnsMessage *message);
extern int32 wire_ttl(const DnsRR *rr);
extern bool wire_opt_option(const DnsRR *opt, uint16 code,
							const uint8 **value, size_t *len);
extern bool wire_extended_error(const DnsMessage *message, int *code,
								const uint8 **text, size_t *len);

/* ---- rdata.c: the data of records, field by field ---- */

extern void rdata_open(const DnsMessage *message, const DnsRR *rr,
					   DnsRdata *rdata);
extern bool rdata_next(DnsRdata *rdata, DnsField *field);
extern bool rdata_done(const DnsRdata *rdata);
extern bool rdata_string(const uint8 **pos, const uint8 *end,
						 const uint8 **data, size_t *len);

extern bool rdata_plain_name(const uint8 **pos, const uint8 *end,
							 DnsName *name);

/* ---- sound.c: messages as they have to be ---- */

extern bool sound_message(DnsMessage *message);
extern bool sound_sections(DnsMessage *message);
extern bool sound_rdata(const DnsMessage *message, const DnsRR *rr);

/* ---- address.c: IP addresses ---- */

extern inet *address_inet(const uint8 *octets, size_t len);
extern void address_set_inet(inet *address, const uint8 *octets, size_t len);
extern char *address_text(const inet *address);
extern bool address_parse(const char *text, inet *address);
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

/* ---- settings.c: the configuration parameters ---- */

typedef enum OnError
{
	ON_ERROR_ERROR,
	ON_ERROR_MISSING_OK,
	ON_ERROR_WARNING,
	ON_ERROR_IGNORE
} OnError;

typedef enum Rotate
{
	ROTATE_SYSTEM,
	ROTATE_ON,
	ROTATE_OFF
} Rotate;

typedef enum Lookups
{
	LOOKUPS_SYSTEM,
	LOOKUPS_B,
	LOOKUPS_F,
	LOOKUPS_BF,
	LOOKUPS_FB
} Lookups;

extern char *setting_servers;
extern int	setting_udp_port;
extern int	setting_tcp_port;
extern int	setting_timeout;	/* ms */
extern int	setting_tries;
extern int	setting_max_tries;
extern int	setting_deadline;	/* ms, 0 is none */
extern int	setting_max_timeout;	/* ms */
extern int	setting_max_answer_memory;	/* kB */
extern int	setting_max_questions;
extern int	setting_max_in_flight;
extern int	setting_lookups;
extern char *setting_hosts_file;
extern char *setting_domains;
extern int	setting_ndots;		/* -1 is the system's */
extern char *setting_sortlist;
extern char *setting_flags;
extern int	setting_flag_bits;	/* ARES_FLAG_ of setting_flags */
extern int	setting_rotate;
extern int	setting_edns_udp_size;
extern int	setting_max_edns_udp_size;
extern bool setting_dnssec;
extern bool setting_checking_disabled;
extern bool setting_trust_ad;
extern char *setting_local_ip4;
extern char *setting_local_ip6;
extern char *setting_local_dev;
extern int	setting_socket_send_buffer_size;	/* octets, 0 is the system's */
extern int	setting_socket_receive_buffer_size; /* the same */
extern int	setting_udp_max_queries;
extern char *setting_resolvconf;
extern int	setting_on_error;
extern bool setting_idn;
extern bool setting_lookahead;

/* Another one whenever a setting has been set, perhaps to what it was. */
extern uint64 settings_generation;

extern void settings_init(void);
extern bool settings_on_error(const char *name, bool soft, OnError *on_error);
extern bool settings_list(const char *value, List **elements);

/* ---- file.c: the files that settings name ---- */

typedef struct DnsFileState
{
	bool		regular;		/* it is there, and is read */
	uint64		device;
	uint64		inode;
	int64		size;
	int64		mtime;			/* ns */
	int64		ctime;			/* ns: rights count too */
} DnsFileState;

/* Who only tells what a call will ask need not look at a file more often. */
#define FILE_LOOK_AFTER		INT64CONST(1000000) /* us */

extern void file_state(const char *path, DnsFileState *state);
extern bool file_state_equal(const DnsFileState *a, const DnsFileState *b);
extern bool file_read(const char *path, const char *setting, size_t max,
					  bool unreadable_ok,
					  bool soft, DnsFileState *state, char **content,
					  size_t *len);

/* ---- system.c: what the system's configuration says of hosts ---- */

extern bool system_refresh(bool soft);
extern Lookups system_lookups(void);
extern int	system_ndots(void);
extern List *system_domains(void);
extern bool system_own_domain(DnsName *domain);

/* ---- check.c: what values settings may have ---- */

extern bool check_servers(char **newval, void **extra, GucSource source);
extern bool check_domains(char **newval, void **extra, GucSource source);
extern bool check_sortlist(char **newval, void **extra, GucSource source);
extern bool check_flags(char **newval, void **extra, GucSource source);
extern void assign_flags(const char *newval, void *extra);
extern bool check_local_ip4(char **newval, void **extra, GucSource source);
extern bool check_local_ip6(char **newval, void **extra, GucSource source);
extern bool check_local_dev(char **newval, void **extra, GucSource source);

/* ---- server.c: name servers as the settings write them ---- */

typedef struct DnsServer
{
	int			family;			/* AF_INET or AF_INET6 */
	uint8		address[16];	/* 4 or 16 octets of it count */
	int			udp_port;		/* 0 if none was given */
	int			tcp_port;
	char		interface[IFNAMSIZ];	/* of a link-local address, or empty */
} DnsServer;

#define HINT_SERVER_SYNTAX \
	"A name server is written ip, ip:port, [ip6]:port or ip6%%interface."

extern const char *server_parse(const char *text, DnsServer *server);
extern void server_require(const char *text);
extern char *server_text(const struct sockaddr *address);
extern char *server_csv(const char *setting);
extern const char *server_from_library(const char *list, DnsServer *server);

/* ---- written.c: names as users write them ---- */

extern const char *question_name(const char *text, bool idn, DnsName *name);
extern const char *question_name_with_len(const char *text, size_t len,
										  bool idn, DnsName *name);
extern void question_refuse_name(const char *text, const char *reason);
extern bool name_never_asked(const DnsName *name);
extern bool name_is_localhost(const DnsName *name);
extern void name_randomize_case(DnsName *name);

/* ---- question.c: what users ask ---- */

extern bool question_type(const char *text, bool soft, uint16 *number);
extern bool question_class(const char *text, bool soft, uint16 *number);
extern bool question_read_name(const char *written, size_t len, bool soft,
						  DnsName *name);

/* ---- argument.c: arguments that SQL functions have in common ---- */

/* What a call asks, and what it says of failures. */
typedef struct DnsRequest
{
	DnsQuestion question;
	const text *written;		/* the name, as the user wrote it; or NULL */
	const inet *address;		/* that the user wrote instead */
	OnError		on_error;
} DnsRequest;

/* A word of a flags argument; NULL ends a list. */
typedef struct FlagWord
{
	const char *word;
	int			bit;
} FlagWord;

extern bool argument_request(FunctionCallInfo fcinfo, int first_argument,
							 bool soft, DnsRequest *request);
extern bool argument_kind(FunctionCallInfo fcinfo, int first_argument,
						  bool soft, uint16 *type, uint16 *class);
extern bool argument_on_error(FunctionCallInfo fcinfo, int argument, bool soft,
							  OnError *on_error);
extern bool argument_name_text(DnsRequest *request, const text *written,
							   bool soft);
extern char *argument_text(const DnsRequest *request);
extern bool argument_family(FunctionCallInfo fcinfo, int argument, bool soft,
							int *family);
extern bool argument_flags(FunctionCallInfo fcinfo, int argument,
						   const FlagWord *words, const char *prefix, bool soft,
						   int *flags);

/* ---- hostsfile.c: the file of the names and addresses of hosts ---- */

typedef struct HostsEntry
{
	inet	   *address;
	char	   *canonical;
	List	   *aliases;		/* of char * */
} HostsEntry;

extern bool hosts_refresh(bool soft);
extern List *hosts_by_name(const DnsName *name);
extern List *hosts_by_address(const inet *address);

/* ---- counters.c: what this backend has done ---- */

/* What this process has done since it began; see dns_stats(). */
typedef struct DnsCounters
{
	uint64		questions;
	uint64		shared;			/* not asked, as an equal one was */
	uint64		queries;
	uint64		tcp_queries;
	uint64		resends;
	uint64		answers;
	uint64		malformed;
	uint64		ignored;
	uint64		timeouts;
	uint64		channels;
	uint64		sockets;
} DnsCounters;

extern DnsCounters counters;

/* ---- window.c: questions in flight and their answers ---- */

#define WINDOW_MAX	16384		/* far below the 65536 query ids */

/* Servers that a channel tells apart; bits of DnsSlot.servers_asked. */
#define MAX_ASKED_SERVERS	64

struct DnsChannel;
struct DnsWindow;

/* What the queries of a window look like. */
typedef struct DnsStyle
{
	bool		rd;
	bool		ad;				/* tell whether it is authentic, RFC 6840 5.7 */
	bool		cd;
	bool		dnssec;			/* DO bit */
	bool		edns;
	uint16		edns_udp_size;
	bool		dns0x20;		/* the case of letters is random */
	bool		ignore_tc;		/* take truncated answers as they are */
	bool		first_answer;	/* take failures without asking another server */
} DnsStyle;

/* What comes of a question.  The numbers of servers are the channel's. */
typedef struct DnsReply
{
	ares_status_t status;		/* the library's last word */
	bool		nonexistent;	/* a special name, never asked */
	bool		answered;		/* answer is the final one */
	bool		malformed;
	bool		answer_tcp;
	int			answer_server;
	int			queries;		/* sent so far */
	uint64		servers_asked;	/* a bit each */
	int64		asked_at;		/* on the clock of clock_now() */
	int64		done_at;
	uint8	   *answer;			/* of pool.c, the slot's */
	size_t		answer_len;
	DnsPlaces	places;			/* in the answer */
} DnsReply;

/* A question on its way, with its answer when it has come. */
typedef struct DnsSlot
{
	struct DnsWindow *window;
	int			index;			/* in the window's slots */
	slist_node	free_node;		/* while it is free */
	dlist_node	pending_node;	/* from window_submit() until it is done */
	dlist_node	done_node;		/* from then to wait_next() */
	dlist_node	sent_node;		/* while it may be sent again */

	uint64		tag;			/* the feeder's */
	int64		limit;			/* its time is up, on the window's clock */
	bool		in_flight;		/* the library has it */
	bool		done;			/* the reply is final */
	bool		released;		/* the feeder is through with it */
	DnsReply	reply;

	/* Written by the guard. */
	uint16		id;
	int			fd;				/* of the last query's socket */
	uint32		socket_serial;
	int			server;			/* that was asked last */
	bool		edns;			/* the last query had an OPT record */
	int			plain_server;	/* has refused such: its number + 1, or 0 */
	int			failures;		/* answers that were failures */

	/* For resend.c. */
	bool		in_sent;
	int			resends;
	int64		sent_at;		/* when the library sent it last */
	int64		sent_number;	/* the same, in the order of sending */
	int64		looked_at;		/* when we last looked, or sent it again */

	/* For bare_error.c. */
	uint8	   *bare_error;			/* malloc'd, an error that may be forged */
	size_t		bare_error_len;
	int64		bare_error_at;		/* when it came, on the clock of clock_waited() */
	dlist_node	bare_error_node;

	/* For isolation.c. */
	int			losses;			/* of connections that others were on, too */
	bool		isolated;		/* it is to be asked on one of its own */
	bool		only_isolated;		/* the library is done with it */
	bool		waits_for_lane;		/* it waits for a lane */
	dlist_node	lane_node;		/* while it does */
	struct DnsLane *lane;		/* that asks it */

	/* For refused.c. */
	bool		tcp;			/* it is asked over TCP */
	bool		in_refused;		/* it waits to be asked again */
	dlist_node	refused_node;	/* while it does */

	/* Letters that are sent in the other case: a bit for each octet. */
	uint8		other_case[(WIRE_NAME_MAX + 7) / 8];
	DnsQuestion question;		/* the last member, and never cleared */
} DnsSlot;

typedef struct DnsWindow
{
	MemoryContext context;
	MemoryContextCallback release;
	struct DnsChannel *channel; /* ours; NULL if no server is configured */
	bool		chosen_server;
	DnsStyle	style;
	uint64		generation;		/* of the settings, when it was up to date */
	int64		opened;
	int			capacity;
	DnsSlot    *slots;
	slist_head	free;
	dlist_head	pending;		/* in the order of asking */
	dlist_head	sent;			/* in the order of looked_at */
	dlist_head	done;			/* in the order of finishing */
	dlist_head	bare_errors;			/* in the order of bare_error_at */
	int			in_flight;
	int			used;			/* slots that have been in use */
	bool		many;			/* asks in bulk */
	bool		ahead;			/* asks before the call: see pending.c */
	bool		failed;			/* only if it does: no more answers come */
	int64		heard_of[MAX_ASKED_SERVERS];	/* last sent_number answered */
	struct DnsLane *of_lane;	/* that it is of another window, or NULL */
	dlist_head	lane_queue;		/* questions that wait for a lane */
	int			nisolated;			/* questions that only a lane asks */
	dlist_head	lanes;
	int			nlanes;
	dlist_head	refused;		/* questions that nobody has taken */
	int			nrefused;
	int64		ask_again_at;	/* one of them, on the clock of clock_now() */

	/* Noted inside the library, raised outside. */
	Size		answer_memory;
	Size		answer_memory_limit;
	bool		over_memory_limit;
	bool		out_of_memory;

	dlist_node	open_node;		/* of wait.c, while it has a channel; no lane */
} DnsWindow;


extern DnsWindow *window_open(int capacity, const char *server);
extern void window_close(DnsWindow *window);
extern bool window_has_room(DnsWindow *window);
extern int	window_under_way(const DnsWindow *window);
extern DnsWindow *window_open_lane(DnsWindow *window, struct DnsLane *lane);
extern DnsSlot *window_submit(DnsWindow *window, const DnsQuestion *question,
							  uint64 tag);
extern void window_send(DnsSlot *slot);
extern bool window_is_idle(const DnsWindow *window);
extern DnsSlot *window_finished(DnsWindow *window);
extern bool window_is_current(DnsWindow *window);
extern void window_raise_failure(DnsWindow *window);

/* ---- slot.c: the places of questions in a window ---- */

extern DnsSlot *slot_take(DnsWindow *window, const DnsQuestion *question,
						  uint64 tag);
extern bool slot_is_late(const DnsSlot *slot);
extern void slot_finish(DnsSlot *slot, ares_status_t status);
extern void slot_randomize_case(DnsSlot *slot);
extern void slot_write_name(const DnsSlot *slot, uint8 *octets);
extern void slot_store(DnsSlot *slot, const DnsMessage *message);
extern void slot_drop_answers(DnsWindow *window);
extern void slot_open_answer(const DnsReply *reply, DnsMessage *message);
extern void slot_release(DnsSlot *slot);
extern void slot_expire(DnsWindow *window);
extern int64 window_clock(const DnsWindow *window);
extern void slot_leave_sent(DnsSlot *slot);
extern void slot_drop_bare_error(DnsSlot *slot);
extern void slot_leave_lane(DnsSlot *slot);
extern void slot_leave_refused(DnsSlot *slot);

/* ---- config.c: what a channel is made of ---- */

/* The strings come last. */
typedef struct DnsChannelConfig
{
	int			flags;
	int			timeout;		/* ms */
	int			tries;
	int			udp_port;
	int			tcp_port;
	int			rotate;
	int			send_buffer_size;
	int			receive_buffer_size;
	int			udp_max_queries;
	int			edns_udp_size;
	DnsFileState file;			/* of resolvconf, where that is read */
	char	   *servers;
	char	   *local_ip4;
	char	   *local_ip6;
	char	   *local_dev;
	char	   *resolvconf;
} DnsChannelConfig;

extern void config_read(DnsChannelConfig *config, const char *server);
extern bool config_is_set(const DnsChannelConfig *config);
extern bool config_equal(const DnsChannelConfig *a, const DnsChannelConfig *b);
extern bool config_copy(DnsChannelConfig *to, const DnsChannelConfig *from);
extern void config_free(DnsChannelConfig *config);
extern void config_check_descriptors(const DnsChannelConfig *config);
extern int	config_queries_per_socket(const DnsChannelConfig *config);

/* ---- channel.c: c-ares channels made from the settings ---- */

#define MAX_QUERY_IDS		65536
#define MAX_PROBES			8
#define MAX_SOCKETS			64	/* UDP sockets, but for what is sent again */

/*
 * Messages that are sent with one call: more makes bursts, which servers may drop,
 * and hardly saves anything.
 */
#define MAX_BURST			128

/*
 * What is read on a channel in one turn of the wait loop, however much there is: octets,
 * and so many more for each call of the system or datagram.  The sockets on which
 * something has come share it evenly, so that a flood on one keeps no other from being
 * read.  The loop then looks at interrupts and limits before it reads on, after some
 * 10 ms.
 */
#define TURN_BUDGET			(512 * 1024)
#define READ_COST			64

#define CHANNEL_DESCRIPTORS 2	/* at least, for UDP and TCP */

#define HINT_DESCRIPTORS \
	"Increase max_files_per_process, or the system's limit of open files."

/* A copy of a query that the library sends to see whether a server is back. */
typedef struct DnsProbe
{
	bool		used;
	uint16		id;
	uint32		socket_serial;
	DnsQuestion question;
} DnsProbe;

typedef struct DnsSocket
{
	int			fd;
	bool		tcp;
	bool		want_read;		/* what the library waits for */
	bool		want_write;
	bool		out_waits;		/* our own octets wait until it is writable */
	uint32		serial;			/* unlike descriptors never used again */
	struct sockaddr_storage address;	/* of the server */
	int			server;			/* its number, see nasked */
	int			refused;		/* errno for which it must not be used */
	int			budget;			/* of what is read in this turn */

	uint8	   *out;			/* messages that wait, a length before each */
	size_t		out_len;
	size_t		out_size;

	/* UDP only: what waits in out, to be sent with one call. */
	bool		unsent;			/* it is among the channel's */
	dlist_node	unsent_node;
	int			out_count;		/* messages */
	bool		no_segments;	/* the system cuts nothing to pieces here */
	int			send_errno;		/* why it refused, until the library knows */

	/* TCP only: the frame that is coming in. */
	bool		established;	/* something has been sent */
	bool		lost;			/* its end has been looked into */
	int			waiting;		/* questions that wait for answers here */
	int64		heard_at;		/* last octets, or when waiting began */
	int64		probed_at;		/* when its silence was looked into */
	int64		partial_since;	/* part of a frame is there; 0 if none is */
	uint8	   *in;
	size_t		in_len;
} DnsSocket;

/* A query that has left a socket. */
typedef struct DnsSent
{
	uint16		id;
	uint32		socket_serial;
} DnsSent;

typedef enum PaceState
{
	PACE_HOLDING,				/* the level is what it should be */
	PACE_SETTLING,				/* it was changed just now */
	PACE_COMPARING				/* is that better? */
} PaceState;

/* How many questions a channel has in flight; see pace.c. */
typedef struct DnsPace
{
	int			level;			/* at most so many */
	int			proven;			/* the level before another was tried */
	PaceState	state;
	int			rounds;			/* since the state began */
	double		rate;			/* good answers in a microsecond, at best */
	double		tried_rate;		/* the same, of the level that is tried */
	bool		needed;			/* fewer brought fewer answers */
	int64		changed_at;		/* the level, on the clock of clock_now() */
	int			answered;		/* since then */
	int			lost;			/* of what was sent since then */
	int64		halved_at;		/* these two */
	int64		try_at;			/* no other level is tried before */
	int64		pause;			/* us to the next try after one that did not help */

	/* The present round. */
	int64		began;
	int64		waited;			/* of clock_slept() */
	int			answers;
	int			good;
	bool		full;			/* more would have been asked */
} DnsPace;

/* Whether servers can be reached over a transport; see refused.c. */
typedef struct DnsReach
{
	bool		heard;			/* one has answered, ever */
	bool		gone;			/* a query was refused since */
	int64		gone_since;		/* the first one, on the clock of clock_waited() */
} DnsReach;

/* A channel and all that hangs on it; malloc'd, since the library uses it. */
typedef struct DnsChannel
{
	ares_channel_t *ares;
	ares_dns_record_t *placeholder;
	DnsChannelConfig config;
	int			nservers;
	DnsWindow  *window;			/* the owner, NULL while idle */

	uint16	   *slot_of_id;		/* slot index + 1 by query id, or 0 */
	DnsSlot    *submitting;		/* whose first query has no id yet */
	DnsSlot    *settling;		/* whose bare error is being judged */
	int			last_slot;		/* of which a query was sent last */
	DnsProbe	probes[MAX_PROBES];
	int			next_probe;

	dlist_head	unsent;			/* UDP sockets with messages that wait */
	bool		burst_waits;	/* one of them has a whole burst */
	DnsSent		sent[MAX_BURST];	/* left with the last flush, in that order */
	int			nsent;
	int64		sent_at;		/* the time of that */
	int64		last_number;	/* of what has been sent */
	DnsSocket **sockets;		/* by descriptor */
	int			max_sockets;
	bool		sockets_changed;
	int			queries_per_socket; /* a UDP socket's share */
	int			max_ports;		/* UDP sockets that found a port */
	int			max_in_flight;	/* as descriptors and ports allow */
	DnsPace		pace;
	int			spare_descriptors;	/* reserved, no socket has them */
	bool		no_descriptors; /* a socket could not have one */
	int			last_errno;
	bool		cut;			/* at last a connection ended that had been made */
	DnsReach	reach[2];		/* over UDP, over TCP */
	struct sockaddr_storage asked[MAX_ASKED_SERVERS];
	int			nasked;
	int			tcp_sockets;
	uint64		edns_servers;	/* have sent an OPT record: a bit each */
	int64		plain_until[MAX_ASKED_SERVERS]; /* asked without; 0 if never */
	int64		usual_trip;		/* time that answers take, 0 if not known */
} DnsChannel;

extern void channel_check_library(void);
extern DnsChannel *channel_open(const char *server);
extern DnsChannel *channel_open_lane(const DnsChannel *channel);
extern int	channel_servers(DnsServer *servers, int max, const char **source);
extern void channel_keep(DnsChannel *channel);
extern void channel_destroy(DnsChannel *channel);
extern void channel_reset(void);
extern void channel_reserve_descriptors(DnsChannel *channel);
extern bool channel_has_descriptor(DnsChannel *channel);
extern void channel_release_descriptors(DnsChannel *channel);

/* ---- memory.c: memory for the library ---- */

extern void memory_init(void);
extern bool memory_reserve(void);
extern bool memory_ran_out(ares_status_t status);

/* ---- pool.c: small pieces of memory ---- */

extern void *pool_take(size_t size);
extern void pool_give(void *memory);
extern void *pool_resize(void *memory, size_t size);
extern size_t pool_room(void *memory);
extern void pool_trim(int spare);

/* ---- socket.c: the socket functions under the library ---- */

extern const struct ares_socket_functions_ex socket_functions;
extern void socket_state_changed(void *arg, ares_socket_t fd, int readable,
								 int writable);
extern bool socket_wants_write(const DnsSocket *socket);

/* ---- tcp_receive.c: what comes over TCP ---- */

#define STREAM_PREFIX		2	/* octets of the length before a message */
#define STREAM_MAX_FRAME	(STREAM_PREFIX + 65535)

extern ares_ssize_t tcp_receive(DnsChannel *channel, DnsSocket *socket,
								   uint8 *buffer, size_t len);
extern int64 tcp_receive_time(const DnsChannel *channel);
extern void tcp_receive_look_after(DnsChannel *channel);
extern void tcp_receive_end_silent(DnsChannel *channel, const DnsSlot *slot);

/* ---- outbox.c: messages that wait to be sent ---- */

extern bool outbox_queue(DnsChannel *channel, DnsSocket *socket,
						 const uint8 *message, size_t len);
extern bool outbox_flush(DnsChannel *channel, DnsSocket *socket);
extern void outbox_set_waits(DnsChannel *channel, DnsSocket *socket, bool waits);

/* ---- udp_receive.c: what comes over UDP ---- */

extern bool udp_receive_reserve(void);
extern ares_ssize_t udp_receive(DnsChannel *channel, DnsSocket *socket,
								uint8 *buffer, size_t len,
								struct sockaddr *address,
								ares_socklen_t *address_len);

/* ---- udp_send.c: what goes out over UDP ---- */

extern bool udp_send(DnsChannel *channel, DnsSocket *socket,
						  const uint8 *message, size_t len);
extern bool udp_send_flush(DnsChannel *channel, DnsSocket *socket);

/* ---- outgoing.c: what goes out ---- */

extern size_t outgoing_message(DnsChannel *channel, DnsSocket *socket,
							   const uint8 *query, size_t len, uint8 *message);
extern bool outgoing_again(DnsChannel *channel, DnsSlot *slot);
extern DnsProbe *outgoing_probe(DnsChannel *channel, uint16 id);

/* ---- placeholder.c: questions in the library's books ---- */

/*
 * What the library is told.  With the first the query is done: no other rcode
 * is taken without a retry, a mark against the server or an effect on the time
 * that it waits for others.  With the second the next server is asked, with the
 * third the same question goes over TCP.
 */
#define VERDICT_DONE		11	/* DSOTYPENI */
#define VERDICT_NEXT_SERVER RCODE_SERVFAIL
#define VERDICT_USE_TCP		WIRE_TC

/* Room for what the library gets instead of an answer: ". A" as a reply. */
#define PLACEHOLDER_STUB_SIZE	(WIRE_HEADER_SIZE + 1 + 4)

extern void placeholder_bind(DnsChannel *channel, DnsSlot *slot, uint16 id);
extern void placeholder_unbind(DnsChannel *channel, DnsSlot *slot);
extern void placeholder_leave_socket(DnsChannel *channel, DnsSlot *slot);
extern DnsSocket *placeholder_socket(const DnsChannel *channel,
									 const DnsSlot *slot);
extern DnsSlot *placeholder_slot(const DnsChannel *channel,
								 uint32 socket_serial, uint16 id);
extern size_t placeholder_write_done(uint16 id, uint8 *stub);
extern size_t placeholder_write_stub(uint16 id, uint16 verdict, uint8 *stub);

/* ---- guard.c: what may come in ---- */

#define GUARD_MAX_QUERY		(WIRE_HEADER_SIZE + WIRE_NAME_MAX + 4 + 11 + 4)

extern size_t guard_incoming(DnsChannel *channel, DnsSocket *socket,
							 const uint8 *octets, size_t len, uint8 *stub);
extern size_t guard_judge(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot,
						  DnsMessage *message, uint8 *stub);

/* ---- bare_error.c: errors that somebody may have forged ---- */

extern void bare_error_note(DnsSlot *slot, const DnsMessage *message);
extern int64 bare_error_time_left(const DnsWindow *window);
extern DnsSlot *bare_error_take(DnsChannel *channel, const DnsSocket *socket,
						   DnsMessage *message);

/* ---- nameserver.c: what is known of name servers ---- */

extern int	nameserver_number(DnsChannel *channel,
								 const struct sockaddr *address, socklen_t len);
extern void nameserver_heard(DnsChannel *channel, bool tcp);
extern bool nameserver_edns_wanted(const DnsChannel *channel, const DnsSlot *slot,
						int server);
extern bool nameserver_edns_refused(DnsSlot *slot, int server, int rcode);
extern void nameserver_edns_answered(DnsChannel *channel, const DnsSlot *slot, int server,
						  const DnsMessage *message);

/* ---- roundtrip.c: how long answers take ---- */

/* An answer is late after so many times as long as answers usually take. */
#define LATE_TRIPS			4

extern void roundtrip_begin(DnsSlot *slot);
extern void roundtrip_sent(DnsChannel *channel);
extern void roundtrip_heard(DnsSlot *slot, int server);
extern int64 roundtrip_patience(const DnsChannel *channel);

/* ---- resend.c: lost datagrams ---- */

extern int64 resend_time(DnsWindow *window);
extern void resend_lost(DnsWindow *window);
extern int64 resend_refused_time(const DnsWindow *window);
extern void resend_refused(DnsWindow *window);

/* ---- pace.c: how many questions are in flight ---- */

extern void pace_init(DnsPace *pace);
extern void pace_begin(DnsPace *pace);
extern bool pace_allows(DnsPace *pace, int in_flight, int capacity);
extern void pace_answered(DnsPace *pace, int rcode);
extern void pace_lost(DnsPace *pace, int64 sent_at);
extern int64 pace_time(const DnsPace *pace, int64 usual_trip);
extern void pace_look(DnsPace *pace, int64 usual_trip);

/* ---- isolation.c: questions for connections of their own ---- */

/* A window that asks one question of another window at a time. */
typedef struct DnsLane
{
	dlist_node	node;
	DnsWindow  *owner;
	DnsWindow  *window;
	DnsSlot    *slot;			/* of the other; NULL when it is over there */
} DnsLane;

extern size_t isolation_connection_lost(DnsChannel *channel, DnsSocket *socket,
									uint8 *frames, size_t size);
extern void isolation_probe(DnsChannel *channel, const DnsSocket *socket);
extern bool isolation_take(DnsSlot *slot, ares_status_t status);

/* ---- lane.c: asking them ---- */

extern void lane_attend(DnsWindow *window);

/* ---- books.c: are the books right? ---- */

#ifdef CHECK_BOOKS
extern void books_check(DnsWindow *window);
#else
#define books_check(window) ((void) 0)
#endif

/* ---- refused.c: questions that no server takes ---- */

extern bool refused_take(DnsSlot *slot, const DnsChannel *channel,
						 ares_status_t status);
extern bool refused_by_all(const DnsSlot *slot);
extern bool refused_for_good(const DnsSlot *slot);
extern void refused_pause(DnsWindow *window, int64 now);

/* ---- flush.c: sends what waits ---- */

extern bool flush_channel(DnsChannel *channel);
extern void flush_socket(DnsChannel *channel, DnsSocket *socket);

/* ---- clock.c: the time ---- */

extern int64 clock_now(void);
extern int64 clock_last(void);
extern int64 clock_waited(void);
extern int64 clock_slept(void);
extern void clock_add_sleep(int64 time);
extern void clock_add_work(int64 time);

/* ---- events.c: the sockets of all open windows ---- */

extern void events_enlist(DnsWindow *window);
extern void events_dismiss(DnsWindow *window);
extern void events_forget(const DnsChannel *channel);
extern void events_reserve_descriptor(void);
extern DnsWindow *events_next_window(DnsWindow *window);
extern bool events_prepare(void);
extern int	events_wait(long timeout);
extern int	events_collect(const DnsChannel *channel, int count,
						   ares_fd_events_t **collected);

/* ---- wait.c: the one place that sleeps ---- */

extern void wait_for_answers(int64 limit);
extern DnsSlot *wait_next(DnsWindow *window);
extern void wait_look(void);

/* ---- alias.c: from the question's name to the records ---- */

typedef enum AliasEnd
{
	ALIAS_RECORDS,
	ALIAS_NO_RECORDS,
	ALIAS_LOOP,
	ALIAS_TOO_LONG
} AliasEnd;

/* Names of a chain, the one that was asked for among them. */
#define ALIAS_MAX_NAMES		17

extern int	alias_names(const DnsMessage *message, const DnsQuestion *question,
						DnsName *names);
extern AliasEnd alias_follow(const DnsMessage *message,
							 const DnsQuestion *question, DnsName *owner);
extern bool alias_answers(const DnsRR *rr, const DnsQuestion *question,
						  const DnsName *owner);

/* ---- status.c: the statuses that a question may end with ---- */

#define DNS_SQLSTATE(a, b, c) MAKE_SQLSTATE('N', 'D', a, b, c)

typedef struct DnsStatus
{
	const char *name;
	int			code;			/* RCODE, or the library's status */
	int			sqlstate;		/* 0 for NOERROR */
	const char *message;
	const char *hint;
} DnsStatus;

/* The places of those that most questions end with. */
enum StatusNumber
{
	STATUS_NOERROR,
	STATUS_NODATA
};

extern const DnsStatus *status_at(int index);
extern const DnsStatus *status_by_name(const char *name);
extern const DnsStatus *status_by_rcode(int rcode);
extern const char *status_hint(const DnsStatus *status, bool chosen_server,
							   bool warning);

/* ---- outcome.c: what came of a question ---- */

typedef struct DnsOutcome
{
	const DnsStatus *status;
	const char *why;			/* instead of the status' message */
	const DnsWindow *window;	/* NULL if nothing was asked */
	const DnsReply *reply;		/* the same */
	bool		chosen_server;
	DnsMessage	message;		/* the answer, while the reply holds it */
	bool		sound;			/* there is a message, and it can be read */
	int			queries;
	int			servers;
	const char *what;			/* was looked up, instead of records */
	const char *note;			/* a sentence */
	const char *extended_error; /* a sentence */

	/* The last members, of which only the octets count that names have. */
	DnsQuestion question;
	DnsName		owner;			/* of the records, if there are any */
} DnsOutcome;

extern void outcome_read(DnsOutcome *outcome, const DnsWindow *window,
						 const DnsQuestion *question, const DnsReply *reply);
extern void outcome_keep(DnsOutcome *outcome);
extern void outcome_set(DnsOutcome *outcome, const char *status);
extern void outcome_read_message(DnsOutcome *outcome, const DnsMessage *message);
extern void outcome_of_found(DnsOutcome *outcome, bool exists, bool found,
							 const char *note);
extern void outcome_report(const DnsOutcome *outcome, const char *text,
						   OnError on_error);
extern bool outcome_is_noerror(const DnsOutcome *outcome);
extern bool outcome_is_missing(const DnsOutcome *outcome);

/* ---- ask.c: one question, asked ahead or now ---- */

extern DnsWindow *ask(const DnsQuestion *question, const char *server,
					  DnsOutcome *outcome);
extern void ask_done(DnsWindow *window);

/* ---- host.c: names and addresses of hosts ---- */

#define HOST_NO_TTL		(-1)

typedef struct HostAddress
{
	inet	   *address;
	int32		ttl;			/* HOST_NO_TTL if it is not from the DNS */
} HostAddress;

/* What was found out about a host. */
typedef struct Host
{
	char	   *name;			/* canonical; NULL if there is no such host */
	List	   *aliases;		/* of char *, the name not among them */
	List	   *addresses;		/* of HostAddress * */

	/* For hostset.c. */
	struct hostset_hash *names_seen;
	struct hostset_hash *addresses_seen;
	uint64		seed;
} Host;

/* What is to be asked about a host. */
#define HOST_MAX_QUESTIONS	2

typedef struct HostQuestions
{
	DnsName		name;
	Lookups		lookups;
	int			count;			/* 0 if all is known */
	DnsQuestion questions[HOST_MAX_QUESTIONS];
} HostQuestions;

extern bool host_lookups(bool soft, Lookups *lookups);
extern bool host_known(Lookups lookups, const char *written,
					   const DnsName *name, int family, Host *host);
extern bool host_known_names(Lookups lookups, const inet *address, Host *host);
extern bool host_known_at_last(Lookups lookups, const DnsName *name,
							   int family, Host *host);
extern bool host_known_names_at_last(Lookups lookups, const inet *address,
									 Host *host);
extern bool host_begin(const char *written, int family, bool soft, Host *host,
					   HostQuestions *asked);
extern bool host_begin_names(const inet *address, bool soft, Host *host,
							 HostQuestions *asked);
extern void host_add_answer(Host *host, const DnsOutcome *outcome);
extern void host_merge(DnsOutcome *outcome, const DnsOutcome *outcomes,
					   int count);

/* ---- hostset.c: what a host has already ---- */

extern bool hostset_add_name(Host *host, const char *name);
extern bool hostset_add_address(Host *host, const inet *address);

/* ---- sortlist.c: the order of addresses ---- */

extern bool sortlist_network(const char *text, inet *network);
extern int	sortlist_rank(const inet *address);
extern void sortlist_sort(Host *host);

/* ---- hosts.c: looking up a host ---- */

extern void hosts_find(const char *written, int family, Host *host,
					   DnsOutcome *outcome);
extern void hosts_find_names(const inet *address, Host *host,
							 DnsOutcome *outcome);
extern int	hosts_questions(const char *written, int family,
							DnsQuestion *questions);
extern int	hosts_names_questions(const inet *address, DnsQuestion *questions);
extern int	hosts_call_questions(FunctionCallInfo fcinfo, uint16 type,
								 DnsQuestion *questions);
extern int	hosts_names_call_questions(FunctionCallInfo fcinfo, uint16 type,
									   DnsQuestion *questions);

/* ---- addrinfo.c, nameinfo.c: getaddrinfo(3) and getnameinfo(3) ---- */

extern int	addrinfo_questions(FunctionCallInfo fcinfo, uint16 type,
							   DnsQuestion *questions);
extern int	nameinfo_questions(FunctionCallInfo fcinfo, uint16 type,
							   DnsQuestion *questions);

/* ---- service.c: ports and their names ---- */

extern const char *service_protocol(int socktype, int protocol);
extern bool service_port(const char *text, const char *protocol,
						 bool only_number, bool soft, int *port);
extern char *service_name(int port, const char *protocol, bool only_number);

/* ---- name.c: names and addresses without network ---- */

extern char *name_to_unicode(const DnsName *name, int idn_flags);

/* ---- record.c: records to rows ---- */

/* A mnemonic as a text: see word_datum(). */
typedef struct DnsWord
{
	char		text[16];
} DnsWord;

/* Those of a record. */
typedef struct DnsWords
{
	DnsWord		class;
	DnsWord		type;
} DnsWords;

extern Datum buffer_datum(const StringInfoData *buffer);
extern Datum word_datum(DnsWord *word, const char *mnemonic);
extern void record_row(const DnsMessage *message, const DnsRR *rr,
					   DnsWords *words, Datum *values);
extern void record_open_rows(FunctionCallInfo fcinfo);
extern void record_put_rows(ReturnSetInfo *rsinfo, const DnsOutcome *outcome,
							bool typed);

/* ---- query.c, search.c: records of a name ---- */

/* The functions that look up records of one type: C symbol, type. */
#define TYPED_FUNCTIONS(function) \
	function(pgcares_a, 1) \
	function(pgcares_aaaa, 28) \
	function(pgcares_caa, 257) \
	function(pgcares_cname, 5) \
	function(pgcares_hinfo, 13) \
	function(pgcares_https, 65) \
	function(pgcares_mx, 15) \
	function(pgcares_naptr, 35) \
	function(pgcares_ns, 2) \
	function(pgcares_ptr, DNS_TYPE_PTR) \
	function(pgcares_soa, 6) \
	function(pgcares_srv, 33) \
	function(pgcares_svcb, 64) \
	function(pgcares_tlsa, 52) \
	function(pgcares_txt, 16) \
	function(pgcares_uri, 256)

extern int	query_questions(FunctionCallInfo fcinfo, uint16 type,
							DnsQuestion *questions);
extern int	query_typed_questions(FunctionCallInfo fcinfo, uint16 type,
								  DnsQuestion *questions);
extern int	query_address_questions(FunctionCallInfo fcinfo, uint16 type,
									DnsQuestion *questions);
extern int	search_questions(FunctionCallInfo fcinfo, uint16 type,
							 DnsQuestion *questions);

/* ---- batch.c: many questions in one call ---- */

#define MAX_BATCH_TYPES	2		/* questions of one element */

/* Bits of DnsBatch.state; the others are the kind's. */
#define BATCH_SETTLED	0x01	/* nothing is to be asked for the element */

struct DnsBatch;
struct Tuplesortstate;

/* What a row of a batch is made of. */
typedef struct DnsAnswer
{
	DnsOutcome	outcome;
	const DnsRR *rr;			/* NULL in a row of no record */
	Datum		known;			/* in its place, what needed no question; or 0 */
} DnsAnswer;

/* What the elements of a batch are, and what its rows. */
typedef struct DnsBatchKind
{
	bool		nsid;			/* servers are asked for their identifiers */

	/* Reads an element; false if it is no name.  May be called again. */
	bool		(*read) (struct DnsBatch *batch, uint32 index, DnsName *name);

	/* Puts rows for what need not be asked; false if it has to be.  Or NULL. */
	bool		(*known) (struct DnsBatch *batch, uint32 index,
						  const DnsName *name);

	/* Puts rows for what came of a question; type numbers DnsBatch.types. */
	void		(*answer) (struct DnsBatch *batch, uint32 index, int type,
						   DnsAnswer *answer);

	/* What a record's rank begins with; below it the order counts.  Or NULL. */
	int			(*rank) (const DnsRR *rr);

	/* Fills the columns behind the position; all are NULL before. */
	void		(*make) (struct DnsBatch *batch, uint32 index,
						 const DnsAnswer *answer, Datum *values, bool *nulls);

	/*
	 * Fills columns that would make rows too large for the sort, from the
	 * others; those of the kind begin at first_column.  Or NULL.
	 */
	void		(*finish) (TupleDesc desc, int first_column, Datum *values,
						   bool *nulls);
} DnsBatchKind;

/* The caller sets the first group; the rest is zero. */
typedef struct DnsBatch
{
	const DnsBatchKind *kind;
	uint16		types[MAX_BATCH_TYPES];
	int			ntypes;
	uint16		class;
	Lookups		lookups;		/* for hosts */

	Datum	   *elements;
	bool	   *nulls;
	uint32		n;
	uint32	   *next;			/* the next equal element */
	uint8	   *state;
	DnsName		name;			/* that is being filed */
	uint32		fed;			/* elements that have been asked */
	int			fed_types;		/* questions of the one that comes next */
	DnsWindow  *window;
	MemoryContext answer_context;	/* for one answer */
	MemoryContext row_context;	/* for one row */
	DnsWord		status;			/* of one row */
	DnsWords	words;
	struct Tuplesortstate *sort;
	TupleTableSlot *row;		/* goes into the sort */
	TupleTableSlot *sorted;		/* comes out of it */
	ReturnSetInfo *result;
} DnsBatch;

extern void batch_run(FunctionCallInfo fcinfo, DnsBatch *batch,
					  ArrayType *array);
extern void batch_put(DnsBatch *batch, uint32 index, int rank,
					  const DnsAnswer *answer);
extern void batch_put_records(DnsBatch *batch, uint32 index,
							  DnsAnswer *answer);

/* ---- message.c: whole messages as rows ---- */

/* The columns in their order. */
enum
{
	COLUMN_STATUS,
	COLUMN_RCODE,
	COLUMN_AA, COLUMN_TC, COLUMN_RD, COLUMN_RA, COLUMN_AD, COLUMN_CD,
	COLUMN_QUESTION,
	COLUMN_ANSWER,
	COLUMN_AUTHORITY,
	COLUMN_ADDITIONAL,
	COLUMN_SERVER,
	COLUMN_TRANSPORT,
	COLUMN_ELAPSED,
	COLUMN_TRIES,
	COLUMN_EDNS_UDP_SIZE,
	COLUMN_EDE_CODE,
	COLUMN_EDE_TEXT,
	COLUMN_NSID,
	COLUMN_WIRE
};

#define MESSAGE_COLUMNS		(COLUMN_WIRE + 1)

extern bool message_question(FunctionCallInfo fcinfo, int first_argument,
							 bool soft, DnsQuestion *question);
extern int	message_questions(FunctionCallInfo fcinfo, uint16 type,
							  DnsQuestion *questions);
extern void message_open(DnsMessage *message, const bytea *octets);
extern void message_row(TupleDesc desc, int first_column,
						const DnsOutcome *outcome, Datum *values, bool *nulls);
extern void message_row_badname(TupleDesc desc, int first_column,
								Datum *values, bool *nulls);

/* ---- sections.c: their sections ---- */

extern void sections_row(TupleDesc desc, int first_column,
						 Datum *values, bool *nulls);
extern void sections_check_size(Size size);

/* ---- push.c: jsonb, piece by piece ---- */

extern JsonbValue *add_member(JsonbValue *object, const char *key);
extern void set_string(JsonbValue *value, char *text, int len);
extern void set_number(JsonbValue *value, int64 number);
extern void set_decimal(JsonbValue *value, double number, int digits);
extern void set_boolean(JsonbValue *value, bool boolean);
extern void push_key(JsonbParseState **state, const char *key);
extern void push_text(JsonbParseState **state, StringInfo buffer);
extern void push_word(JsonbParseState **state, const char *word);
extern void push_number(JsonbParseState **state, int64 number);
extern void push_boolean(JsonbParseState **state, bool boolean);
extern Jsonb *end_object(JsonbParseState **state);

/* ---- json.c: record data as jsonb ---- */

extern Jsonb *json_rdata(const DnsMessage *message, const DnsRR *rr);
extern Jsonb *json_params(const DnsField *field);

/* ---- octets.c: names, addresses, numbers and octets as text ---- */

/* What a backslash precedes in names, and in quoted strings. */
#define ESCAPED_IN_NAMES	"\"$().;@\\ "
#define ESCAPED_IN_QUOTES	"\"\\"
#define ESCAPED_IN_TEXT		"\\"

extern void append_name(StringInfo out, const DnsName *name, bool final_dot);
extern void append_octets(StringInfo out, const uint8 *octets, size_t len,
						  const char *escaped);
extern void append_hex(StringInfo out, const uint8 *octets, size_t len);
extern void append_base64(StringInfo out, const uint8 *octets, size_t len);
extern void append_base32hex(StringInfo out, const uint8 *octets, size_t len);
extern void append_address(StringInfo out, const uint8 *octets, size_t len);
extern void append_decimal(StringInfo out, uint32 number);

/* ---- presentation.c: record data as zone files have it ---- */

extern void append_rdata(StringInfo out, const DnsMessage *message,
						 const DnsRR *rr);
extern void append_field(StringInfo out, const DnsField *field);

/* ---- fields.c: fields with a format of their own ---- */

/* How far a bitmap of numbers has been read. */
typedef struct DnsBitmapPlace
{
	const uint8 *window;
	int			bit;			/* of this window */
} DnsBitmapPlace;

extern void append_joined(StringInfo out, const DnsField *field);
extern void append_eui(StringInfo out, const uint8 *octets, size_t len);
extern void append_time(StringInfo out, uint32 seconds, const char *format);
extern void append_cert_type(StringInfo out, uint16 type);
extern void append_key_algorithm(StringInfo out, uint8 algorithm);
extern int	next_number(const DnsField *field, DnsBitmapPlace *at);
extern void append_bitmap(StringInfo out, const DnsField *field);
extern void append_gateway(StringInfo out, const DnsField *field);
extern void append_names(StringInfo out, const DnsField *field);
extern void append_suffix(StringInfo out, const DnsField *field);
extern void append_atma(StringInfo out, const DnsField *field);
extern void append_prefixes(StringInfo out, const uint8 *octets, size_t len);
extern void append_location(StringInfo out, const uint8 *octets);

/* ---- svcb.c: parameters of SVCB and HTTPS records ---- */

extern void append_params(StringInfo out, const uint8 *octets, size_t len);
extern void append_param_key(StringInfo out, uint16 key);

/* ---- calls.c: the lookup functions, as a plan shows them ---- */

#define CALL_MAX_QUESTIONS	2

/*
 * A lookup function, and what tells from the arguments of a call which questions
 * it will ask: their number, 0 where none can be told.  Raises nothing for what
 * the arguments hold: the call does that itself.
 */
typedef struct DnsCall
{
	const char *symbol;			/* of the function */
	PGFunction	function;
	int			(*questions) (FunctionCallInfo fcinfo, uint16 type,
							  DnsQuestion *questions);
	uint16		type;			/* of the questions, if the function says it */
} DnsCall;

extern void calls_init(void);
extern const DnsCall *call_of_function(Oid function);
extern bool call_is_lookup(Oid function);
extern bool call_may_have_hash(uint32 hash);

/* ---- pending.c: questions that were asked before the call ---- */

/* What one look-ahead node has done in one process; see EXPLAIN. */
typedef struct LookaheadCounters
{
	int64		max_rows;		/* most rows read ahead at a time */
	int64		started;		/* questions asked ahead */
	int64		shared;			/* not asked, as an equal one had been */
	int64		used;			/* of those started: some call took the answer */
	int64		max_in_flight;
	int64		timeouts;
	int64		waited;			/* us that calls have waited for answers */
} LookaheadCounters;

/* A statement that has asked ahead. */
typedef struct DnsStatement
{
	dlist_node	node;
	MemoryContext owner;		/* the executor state's */
	MemoryContext context;
	MemoryContextCallback release;
	struct pendings_hash *table;
	uint64		seed;			/* of its hash values */
	struct DnsPending *expected;	/* what is likely to be looked for next */
	int			nodes;			/* that have not ended */
} DnsStatement;

/* What a look-ahead node has asked. */
typedef struct DnsAhead
{
	dlist_node	node;
	MemoryContextCallback release;
	DnsStatement *statement;
	DnsWindow  *window;			/* NULL before the first question */
	LookaheadCounters *counters;
	dlist_head	queue;			/* not yet asked */
	dlist_head	unused;			/* done, without a reference; oldest first */
	Size		unused_memory;	/* octets */
	Size		memory;			/* of all others */
	int			gathered;		/* questions since fed_at */
	int64		fed_at;			/* on the clock of clock_now() */
	int64		looked_at;		/* the same */
	bool		closed;
} DnsAhead;

typedef enum PendingState
{
	PENDING_EXPECTED,			/* is not asked before a call wants it */
	PENDING_QUEUED,
	PENDING_ASKED,
	PENDING_DONE
} PendingState;

/* A question as it is compared: two that differ in case are two. */
typedef struct PendingKey
{
	uint16		type;
	uint16		class;
	uint8		nsid;
	uint8		len;			/* of the name */
	uint8		octets[FLEXIBLE_ARRAY_MEMBER];
} PendingKey;

/* A question of a statement; the reply's answer is palloc'd. */
typedef struct DnsPending
{
	DnsAhead   *ahead;
	dlist_node	node;			/* in the queue, or among the unused */
	PendingState state;
	int			references;
	bool		used;			/* some call took the answer */
	const DnsSlot *slot;		/* while it is asked */
	DnsReply	reply;			/* when it is done */
	uint32		hash;			/* of the key */
	PendingKey	key;
} DnsPending;

extern DnsStatement *statement_find(MemoryContext owner);
extern DnsStatement *statement_open(MemoryContext owner);
extern DnsStatement *statement_calling(void);
extern DnsPending *pending_find(DnsStatement *statement,
								const DnsQuestion *question, uint32 *hash);
extern DnsPending *pending_add(DnsAhead *ahead, const DnsQuestion *question,
							   uint32 hash);
extern void pending_queue(DnsPending *pending, bool first);
extern void pending_expect(DnsPending *pending);
extern void pending_hold(DnsPending *pending);
extern void pending_drop(DnsPending *pending);
extern bool pending_take(DnsPending *pending, const DnsReply *reply);

/* ---- ahead.c: asking before the call ---- */

extern DnsAhead *ahead_open(MemoryContext owner, LookaheadCounters *counters);
extern DnsPending *ahead_start(DnsAhead *ahead, const DnsQuestion *question,
							   bool ask);
extern int64 ahead_time_left(const DnsPending *pending);
extern Size ahead_memory(const DnsAhead *ahead);
extern void ahead_attend(DnsAhead *ahead);
extern void ahead_ask(DnsAhead *ahead);
extern void ahead_close(DnsAhead *ahead);
extern bool ahead_outcome(const DnsQuestion *question, DnsOutcome *outcome);

/* ---- lookahead_plan.c: where a plan gets look-ahead nodes ---- */

/*
 * A server in which every plan has as many nodes as can be shows, with the
 * server's own tests, that they do no harm: build with -DLOOKAHEAD_EVERYWHERE.
 */
#ifdef LOOKAHEAD_EVERYWHERE
#define LOOKAHEAD_NEEDS_CALLS	false
#else
#define LOOKAHEAD_NEEDS_CALLS	true
#endif

/* The plan of one statement, while nodes are put into it. */
typedef struct LookaheadPlan
{
	PlannedStmt *stmt;
	int			last_id;		/* highest plan_node_id */
	bool		has_nodes;		/* of ours, from before */
	bool		has_effects;	/* besides lookups, that other parts may see */
	List	   *init_plans;		/* of SubPlan *: reading a parameter runs one */
	Bitmapset  *read_whole;		/* subplans of which all rows are wanted */
	Bitmapset  *read_partly;	/* or perhaps not all */
	Bitmapset  *read_in_turn;	/* with the rows of the statement */
	Bitmapset  *common;			/* of common table expressions */
	Bitmapset  *used;			/* subplans that stand in some place */
	Bitmapset  *used_again;		/* and in another one */
	struct LookaheadEarly *early;	/* by plan_node_id */
} LookaheadPlan;

/* What the nodes above make of a node's rows. */
typedef struct LookaheadDemand
{
	bool		limited;		/* they may not want all of them */
	bool		unsure;			/* all are read, but perhaps for nothing */
	bool		in_turn;		/* they are read as the statement's rows are */
	bool		marks;			/* they go back to earlier ones */
	bool		repeated;		/* they may have all of them read again */
	bool		workers;		/* they may be in other processes */
	int			bound;			/* they want so many at most; 0 if unknown */
	const Limit *limit;			/* it tells the bound at run time, or NULL */
	bool		one_by_one;		/* each row is one of the statement */
} LookaheadDemand;

extern void lookahead_init(void);

/* ---- lookahead_run.c: how many rows the caller of a statement takes ---- */

extern void lookahead_run_init(void);
extern uint64 lookahead_run_count(const EState *estate);

/* ---- lookahead_early.c: what may be run before its turn ---- */

/* What stands against it. */
#define EARLY_ERRORS	0x01	/* it may raise an error */
#define EARLY_EFFECTS	0x02	/* it changes something, or sees such changes */
#define EARLY_GUARD		0x04	/* an error that it may raise can be kept */
#define EARLY_WARNINGS	0x08	/* it may warn of rows that are not wanted */

/* The same of an expression, and which plans are run to evaluate it. */
typedef struct ExpressionLook
{
	bool		has_effects;	/* the statement, for others to see */
	bits8		early;
	Bitmapset  *subplans;		/* their numbers */
	Bitmapset  *params;			/* that may be those of init plans */
} ExpressionLook;

/* The same of a plan node and of those below it. */
typedef struct LookaheadEarly
{
	bool		known;
	bits8		own;			/* the node's own expressions */
	bits8		next;			/* what is run for rows after the first */
	bits8		all;			/* the whole subtree */
} LookaheadEarly;

extern bits8 early_rows(LookaheadPlan *plan, Plan *node);
extern bits8 early_expression(LookaheadPlan *plan, Node *expression);
extern void early_forget(LookaheadPlan *plan, const Plan *node);
extern void early_survey(LookaheadPlan *plan, const Plan *node);

/* ---- lookahead_expressions.c: the same of expressions ---- */

extern void expression_look(Node *expression, ExpressionLook *seen);
extern bool expression_has_effect(Node *expression);

/* ---- lookahead_functions.c: functions that can be run ahead ---- */

extern bits8 function_early(Oid function, Oid collation, List *arguments);
extern bits8 operator_early(Oid operator, Oid function, Oid collation,
							List *arguments);
extern bits8 cast_early(Oid from, Oid to);
extern bool type_output_may_raise(Oid type);
extern bool function_reads_session(Oid function);

/* ---- lookahead_rules.c: what the kinds of nodes mean for it ---- */

extern void lookahead_demands(const Plan *node, const LookaheadDemand *demand,
							  LookaheadDemand *left, LookaheadDemand *right);
extern Plan *lookahead_for_node(LookaheadPlan *plan, Plan *node,
								const LookaheadDemand *demand,
								const LookaheadDemand *left,
								const LookaheadDemand *right);

/* ---- lookahead_sites.c: calls that can be looked ahead for ---- */

/* A search for calls in the expressions of one node. */
typedef struct SiteSearch
{
	LookaheadPlan *plan;
	int			varno;			/* of what the calls may depend on */
	Bitmapset  *params;			/* that stay the same while the node runs */
	bool		uncertain;		/* calls that are found now may not be made */
	bool		outside;		/* this is in another tree, where parameters */
	List	   *numbers;		/* of these numbers */
	List	   *values;			/* stand for these expressions */
	bool		lost;			/* the last one depends on other columns */
	List	   *calls;			/* found: FuncExpr *, with INDEX_VAR */
	List	   *perhaps;		/* the same, that are perhaps not made */
	bits8		early;			/* what stands against their arguments */
} SiteSearch;

extern void sites_open(SiteSearch *search, LookaheadPlan *plan,
					   const Plan *node, int varno);
extern bool sites_possible(Node *expression);
extern void sites_find(SiteSearch *search, Node *expression);
extern void sites_find_in_aggregates(SiteSearch *search, Node *expression);
extern void sites_find_inside(SiteSearch *search, NestLoop *loop);

/* ---- lookahead_arguments.c: what can be worked out before a call ---- */

extern bool site_take(SiteSearch *search, FuncExpr *call);

/* ---- lookahead_node.c: putting nodes into a plan ---- */

extern void lookahead_survey(LookaheadPlan *plan, PlannedStmt *stmt);
extern Plan *lookahead_above(SiteSearch *search, Plan *child,
							 const LookaheadDemand *demand);
extern Plan *lookahead_split(LookaheadPlan *plan, Plan *node,
							 const LookaheadDemand *demand);

/* ---- lookahead_rows.c: rows that were read ahead ---- */

typedef struct CallSite CallSite;

/* The queue of a node. */
typedef struct LookaheadRows
{
	struct LookaheadNode *node;
	MemoryContext context;		/* of the rows */
	int			nsites;
	CallSite   *sites;			/* the calls that are looked ahead for */
	DnsAhead   *ahead;			/* once a question was to be started */
	dlist_head	list;			/* the rows, in their order */
	int64		count;
	Size		space;			/* that they take */
} LookaheadRows;

extern void rows_open(LookaheadRows *rows, struct LookaheadNode *node);
extern void rows_open_site(LookaheadRows *rows, FuncExpr *expr, bool certain,
						   bool guarded);
extern void rows_keep(LookaheadRows *rows, TupleTableSlot *slot,
					  ItemPointerData tid, bool wanted);
extern Size rows_memory(const LookaheadRows *rows);
extern int64 rows_first_time_left(LookaheadRows *rows);
extern void rows_show_first(LookaheadRows *rows);
extern void rows_drop_first(LookaheadRows *rows);

/* ---- lookahead_scan.c: where a node stands in a table ---- */

/* The name of the node, for EXPLAIN too. */
#define LOOKAHEAD_NAME	"DnsLookahead"

extern bool plan_is_lookahead(const Plan *node);
extern ScanState *scan_below(CustomScanState *css);
extern ItemPointerData scan_tid(const ScanState *scan);

/* ---- lookahead_guard.c: errors that come before their turn ---- */

extern TupleTableSlot *guard_next_row(PlanState *child, ErrorData **failure);
extern bool guard_arguments(List *arguments, bool guarded,
							ExprContext *econtext, NullableDatum *values);

/* ---- lookahead_exec.c: the plan node ---- */

/*
 * The members of a node's custom_private, all of them Integer nodes.  A node is
 * limited if what is above may stop before the end, or before the bound.
 */
enum
{
	LOOKAHEAD_LIMITED,			/* something above may not want all rows */
	LOOKAHEAD_UNSURE,			/* or none but the first */
	LOOKAHEAD_IN_TURN,			/* the caller of the statement may not */
	LOOKAHEAD_ONE_BY_ONE,		/* it takes the node's rows one by one */
	LOOKAHEAD_GUARD_ROWS,		/* reading the child may raise an error */
	LOOKAHEAD_GUARD_CALLS,		/* so may working out arguments */
	LOOKAHEAD_WARNS,			/* reading the child may show warnings */
	LOOKAHEAD_BOUND,			/* how many are taken at most; 0 if unknown */
	LOOKAHEAD_CALLS,			/* of custom_exprs, those that are certain */
	LOOKAHEAD_PERHAPS			/* and then others; after them, count and
								 * offset of a LIMIT that gives the bound */
};

extern const struct CustomScanMethods lookahead_scan_methods;

/* ---- lookahead_explain.c: what a node has done ---- */

typedef struct LookaheadShared LookaheadShared;

/* The part of a node's state that is shown, and shared with workers. */
typedef struct LookaheadNode
{
	CustomScanState css;
	LookaheadCounters own;
	LookaheadCounters *counters;	/* own; in a worker, those that are shared */
	LookaheadCounters ended;	/* of workers whose shared memory is gone */
	LookaheadShared *shared;	/* of workers, while there is shared memory */
	dsm_segment *segment;		/* that it is in */
	MemoryContextCallback forget;
} LookaheadNode;

extern Size lookahead_estimate_dsm(CustomScanState *css, ParallelContext *pcxt);
extern void lookahead_init_dsm(CustomScanState *css, ParallelContext *pcxt,
							   void *coordinate);
extern void lookahead_init_worker(CustomScanState *css, shm_toc *toc,
								  void *coordinate);
extern void lookahead_explain(CustomScanState *css, List *ancestors,
							  ExplainState *es);

#endif							/* PGCARES_H */

/*
 * answer.c
 *
 * libFuzzer target: octets as an answer, through everything that reads answers
 * without the server: soundness, sections, record data, aliases.  Two octets
 * choose type and class of the question.  Build and run: test/fuzz/run.
 */
#include "postgres.h"

#include "../../src/pgcares.h"

int			LLVMFuzzerTestOneInput(const uint8 *octets, size_t len);

int
LLVMFuzzerTestOneInput(const uint8 *octets, size_t len)
{
	DnsMessage	message;
	DnsQuestion question;
	DnsName		owner;
	const uint8 *pos;
	const uint8 *text;
	size_t		text_len;
	int			code;

	if (len < 1 || !wire_open(&message, octets, len))
		return 0;

	/* Also what is not sound is read up to where it breaks. */
	if (wire_sound(&message) && !wire_sections_sound(&message))
		abort();
	(void) wire_rcode(&message);
	if (wire_extended_error(&message, &code, &text, &text_len) &&
		(text < octets || text + text_len > octets + len))
		abort();
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
	{
		DnsCursor	cursor;
		DnsRR		rr;

		if (!wire_section(&message, section, &cursor))
			break;
		while (wire_next(&cursor, &rr))
		{
			DnsRdata	rdata;
			DnsField	field;
			const uint8 *value;
			size_t		value_len;

			rdata_open(&message, &rr, &rdata);
			while (rdata_next(&rdata, &field))
			{
				if (field.data < rr.rdata ||
					field.data + field.len > rr.rdata + rr.rdlength)
					abort();
			}
			if (rdata_done(&rdata) != rdata_sound(&message, &rr) &&
				rr.type != DNS_TYPE_OPT)
				abort();
			if (rr.type == DNS_TYPE_OPT)
				(void) wire_opt_option(&rr, EDNS_OPTION_NSID, &value, &value_len);
		}
	}

	pos = octets + WIRE_HEADER_SIZE;
	for (int i = 0; i < message.count[0]; i++)
	{
		if (!wire_next_question(&message, &question, &pos))
			break;
	}
	if (wire_question(&message, &question, &pos))
		(void) alias_follow(&message, &question, &owner);
	return 0;
}

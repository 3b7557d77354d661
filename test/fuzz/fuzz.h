/*
 * fuzz.h
 *
 * The header of the fuzzer, in sections by file.  The fuzzer runs inside a backend,
 * on all of src/: see backend.c.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../../src/lookahead/lookahead.h"

#include "funcapi.h"

/* ---- backend.c: the fuzzer, and what it does with each input ---- */

extern void finding(const char *format,...) __attribute__((format(printf, 1, 2), noreturn));
extern int	raised_by(void (*step) (void *arg), void *arg);
extern bool raises(void (*step) (void *arg), void *arg, int sqlstate);
extern char *take_text(const uint8 *octets, size_t len);
extern void check_ascii(const char *text);
extern void check_text(const char *text);

/* ---- rows.c: SQL functions and their rows ---- */

extern Oid	function_named(const char *signature);
extern TupleDesc columns_of(const char *signature);
extern ReturnSetInfo *open_rows(TupleDesc columns);
extern int	check_rows(ReturnSetInfo *rows);
extern int	check_rows_of(Oid function, TupleDesc columns, Datum argument);
extern char *text_of(Datum value, Oid type);

/* ---- flight.c: questions that are in flight, without the library ---- */

#define FLIGHT_SOCKETS	3

/* The sockets: two for UDP, and the last one for TCP. */
typedef struct Flight
{
	DnsWindow	window;
	DnsChannel	channel;
	DnsSocket	sockets[FLIGHT_SOCKETS];
	DnsSocket  *of_fd[FLIGHT_SOCKETS];
} Flight;

extern Flight *flight_open(uint8 style, int capacity);
extern DnsSlot *flight_ask(Flight *flight, const DnsQuestion *question,
						   int socket, uint16 id);
extern bool flight_receive(Flight *flight, int socket, const uint8 *octets,
							 size_t len);
extern void flight_close(Flight *flight);

/* ---- file.c, in the place of src/system/file.c: files that are in memory ---- */

extern void fuzz_file(const uint8 *octets, size_t len);

/* ---- the targets ---- */

extern void answer_prepare(void);
extern void fuzz_answer(const uint8 *octets, size_t len);
extern void fuzz_guard(const uint8 *octets, size_t len);
extern void fuzz_labels(const uint8 *octets, size_t len);
extern void message_prepare(void);
extern void fuzz_message(const uint8 *octets, size_t len);
extern void fuzz_name(const uint8 *octets, size_t len);
extern void fuzz_setting(const uint8 *octets, size_t len);
extern void fuzz_stream(const uint8 *octets, size_t len);
extern void fuzz_word(const uint8 *octets, size_t len);

#endif							/* FUZZ_H */

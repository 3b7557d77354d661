/*
 * engine.h
 *
 * Channels, windows and lanes, asking again, and the one place that sleeps.
 */
#ifndef PGCARES_ENGINE_H
#define PGCARES_ENGINE_H

#include "transport/transport.h"

/* ---- window.c: the questions of a call ---- */

extern DnsWindow *window_open(int capacity, const char *server);
extern void window_init(DnsWindow *window, MemoryContext context, int capacity);
extern void window_close(DnsWindow *window);
extern bool window_has_room(DnsWindow *window);
extern bool window_allows(DnsWindow *window);
extern DnsWindow *window_open_lane(DnsWindow *window, struct DnsLane *lane);
extern DnsSlot *window_submit(DnsWindow *window, const DnsQuestion *question,
							  uint64 tag);
extern void window_send(DnsSlot *slot);
extern bool window_is_idle(const DnsWindow *window);
extern DnsSlot *window_finished(DnsWindow *window);
extern bool window_is_current(DnsWindow *window);
extern void window_read_style(DnsStyle *style);
extern void window_raise_failure(DnsWindow *window);

/* ---- library.c: the library's channels ---- */

extern ares_status_t library_make(DnsChannel *channel, ares_channel_t **ares,
								  int flags);
extern ares_channel_t *library_channel(DnsChannel *channel, bool many);
extern void library_cancel(DnsChannel *channel);
extern ares_status_t library_begin_behind(DnsChannel *channel, int server);

/* ---- channel.c: channels made from the settings ---- */

extern void channel_check_library(void);
extern DnsChannel *channel_open(const char *server);
extern DnsChannel *channel_open_lane(const DnsChannel *channel);
extern int	channel_servers(DnsServer *servers, int max, const char **source);
extern void channel_keep(DnsChannel *channel);
extern void channel_destroy(DnsChannel *channel);
extern void channel_reset(void);
extern void channel_reserve_descriptors(DnsChannel *channel, bool asks);
extern bool channel_has_descriptor(DnsChannel *channel);
extern void channel_release_descriptors(DnsChannel *channel);

/* ---- ask.c: asking a server in bulk over UDP ---- */

extern bool ask_server(DnsSlot *slot, int server);
extern void ask_failed(DnsSlot *slot);
extern int	ask_choose(const DnsChannel *channel, uint64 asked);
extern bool ask_is_last(const DnsSlot *slot);
extern bool ask_pending(const DnsWindow *window);

/* ---- second.c: early queries ---- */

extern int64 second_time(const DnsWindow *window);
extern void second_ask(DnsWindow *window, int64 now);
extern void second_answered(DnsSlot *slot, const DnsTry *try);
extern bool second_was_early(DnsSlot *slot);

/* ---- burst.c: the questions that are asked in bulk over UDP ---- */

extern bool burst_takes(const DnsSlot *slot);
extern void burst_ask(DnsSlot *slot);
extern void burst_try(DnsSlot *slot);
extern void burst_take_over(DnsSlot *slot);
extern void burst_obey(const DnsVerdict *verdict);
extern void burst_settle(DnsSlot *slot);
extern int64 burst_time(const DnsWindow *window);
extern void burst_look(DnsWindow *window);
extern void burst_attend(DnsWindow *window);
extern void burst_cancel(DnsWindow *window);
extern void burst_end(DnsWindow *window);

/* ---- chain.c: chains of aliases that answers leave open ---- */

extern DnsSlot *chain_finished(DnsWindow *window);

/* ---- held.c: questions that a resolver with a full list has dropped ---- */

extern void held_take(DnsWindow *window);
extern bool held_is_due(const DnsSlot *slot);
extern BurstState held_next(const DnsSlot *slot);
extern bool held_has_tries(const DnsSlot *slot);
extern DnsSlot *held_release(DnsWindow *window, int64 now);
extern int64 held_time(const DnsWindow *window, int64 now);
extern bool held_allows(const DnsWindow *window);

/* ---- replies.c: answers and refusals ---- */

extern void replies_read(DnsWindow *window, DnsSocket *socket);
extern void replies_unsent(DnsWindow *window, DnsSocket *socket);

/* ---- retry.c: asking refused questions again ---- */

extern int64 retry_time(const DnsWindow *window);
extern void retry_refused(DnsWindow *window);

/* ---- lane.c: asking isolated questions ---- */

extern void lane_attend(DnsWindow *window);

/* ---- books.c: checks of the books ---- */

#ifdef CHECK_BOOKS
extern void books_check(DnsWindow *window);
#else
#define books_check(window) ((void) 0)
#endif

/* ---- flush.c: sending the queues ---- */

extern bool flush_channel(DnsChannel *channel);
extern void flush_socket(DnsChannel *channel, DnsSocket *socket);

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

/* ---- report.c: telling other sessions ---- */

extern void report_begin(void);
extern void report_look(int64 now);
extern int64 report_time_left(void);
extern void report_level(const DnsWindow *window);
extern void report_end(void);

/* ---- total.c: the questions of all windows ---- */

extern void total_join(DnsWindow *window);
extern bool total_allows(const DnsWindow *window);
extern void total_look(void);

/* ---- wait.c: the one place that sleeps ---- */

extern void wait_for_answers(int64 limit);
extern DnsSlot *wait_next(DnsWindow *window);
extern void wait_look(void);

#endif							/* PGCARES_ENGINE_H */

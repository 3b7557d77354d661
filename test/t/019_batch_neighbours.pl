# What goes wrong with some questions of a batch leaves the others alone: answers
# that are malformed, forged or truncated, and connections that break.

use strict;
use warnings;
use List::Util qw(max sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# No answer in here takes that long.
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '10s'");
my $session = Session->new($node);

sub batch
{
	return Batch->run($server, $session, @_);
}

# Each of so many names has one of these labels, the others are sound.
sub one_of
{
	my ($each, @labels) = @_;
	my $list = join ',', @labels;

	return sprintf q{CASE WHEN g %% %d = 0 THEN ('{%s}'::text[])[g / %d %% %d + 1] ELSE 'sound' END},
	  $each, $list, $each, scalar @labels;
}

# Queries for names that begin so
sub queries_for
{
	my ($batch, $pattern) = @_;
	return sum0(map { $batch->{times}{$_} } grep { /^$pattern/ } keys %{ $batch->{times} });
}

# ---- Malformed and forged answers

my @malformed = qw(short counts loopptr fwdptr longname badlabel badlabel80 a3 a8 trailing twoopt optlong twoq);
my @forged = qw(wrongid wrongname wrongtype wrongclass wrongopcode noquestion reflect wrongport wrongaddr garbage
  twice cookiewrong);

foreach my $flags ('edns', 'edns, usevc')
{
	my $batch = batch(one_of(100, @malformed), 10000, flags => $flags);
	is_deeply($batch->{statuses}, { NOERROR => 9900, MALFORMED => 100 }, "1 of 100 malformed, $flags: the others succeed");
	cmp_ok(queries_for($batch, 'sound'), '<=', 9900 * 1.01, '... asked once');
	cmp_ok(@{ $batch->{queries} } - queries_for($batch, 'sound'), '<=', 100 * 1.01, '... as are the malformed ones');

	$batch = batch(one_of(10, @forged), 2000, flags => $flags);
	$batch->all_succeed(2000, "1 of 10 forged, $flags");
	cmp_ok(scalar @{ $batch->{queries} }, '<=', 2000 * 1.01, '... asked once');

	my ($names) = Batch->names(one_of(2, @forged), 1000);
	is($session->text("SET pgcares.flags = '$flags'; SELECT rdata, count(*) FROM dns_query_many($names) GROUP BY rdata; RESET pgcares.flags"),
		'192.0.2.1|1000', "every second forged, $flags: only right answers are taken");
}

# ---- Some over TCP

foreach my $label ('tc', 'tcpartial', 'big90')
{
	my $batch = batch(one_of(10, $label), 2000);
	my @tcp = grep { $_->{transport} eq 'tcp' } @{ $batch->{queries} };

	$batch->all_succeed(2000, "1 of 10 truncated, $label");
	is(scalar @tcp, 200, '... these are asked over TCP');
	is(scalar(grep { $_->{name} !~ /^$label\./ } @tcp), 0, '... and only these');
	cmp_ok(@{ $batch->{queries} } - @tcp, '<=', 2000 * 1.01, '... and all over UDP once');
	is($batch->{stats}{tcp_queries}, 200, '... the counter says so');
}

# ---- All over TCP

foreach my $flags ('edns, usevc', 'edns, usevc, stayopen')
{
	my $batch = batch(q{'delay100'}, 3000, flags => $flags, max_in_flight => 1000);

	$batch->all_succeed(3000, $flags);
	$batch->asked_once(3000, $flags);
	cmp_ok($batch->most_at_once(0.1), '<=', 1000, "$flags: 1000 at a time at most");
	cmp_ok($batch->most_at_once(0.1), '>', 100, "... and not fewer for long");
	is(scalar(grep { $_->{transport} ne 'tcp' } @{ $batch->{queries} }), 0, '... over TCP');
	cmp_ok($batch->ports, '<=', 3, '... over few connections');
}

# ---- Faults of a connection that others use too: at most the one name is lost

# How that comes out depends on what is under way when the connection ends: each
# ten times.

foreach my $fault (qw(tcptwice tcpreorder tcpgarbage tcplen0 tcclose tcreset tcplong tcphalf))
{
	my @batches = map {
		batch("CASE WHEN g = 500 THEN '$fault' WHEN g % 10 = 0 THEN 'tc' ELSE 'sound' END", 1000)
	} 1 .. 10;
	my @succeeded = map { $_->{statuses}{NOERROR} // 0 } @batches;

	is(join(' ', map { $_->{state} } @batches), join(' ', ('00000') x 10), "$fault: no error");
	is(scalar(grep { $_ < 999 } @succeeded), 0, '... all others succeed') or diag("@succeeded");
	cmp_ok(sum0(map { queries_for($_, 'sound') } @batches), '<=', 9000 * 1.01, '... those over UDP asked once');
	note(sprintf '%s: %d queries for 99 others', $fault, sum0(map { queries_for($_, 'tc\.') - 99 } @batches) / 10);
}
foreach my $fault (qw(tcpslow1000 tcpsilent))
{
	my $batch = batch("CASE WHEN g = 50 THEN '$fault' WHEN g % 10 = 0 THEN 'tc' ELSE 'sound' END", 1000,
		timeout => '2s', tries => 2);
	cmp_ok($batch->{statuses}{NOERROR} // 0, '>=', 900, "$fault: those over UDP succeed") or diag(explain($batch->{statuses}));
	note(sprintf '%s: %s', $fault, join ', ', %{ $batch->{statuses} });
}
# a question over which a connection was ended is for another server, if there is one
{
	my $second = NameServer->misbehaving;
	my $batch = batch("CASE WHEN g = 50 THEN 'tcphalf' WHEN g % 10 = 0 THEN 'tc' ELSE 'sound' END", 1000,
		servers => join(', ', map { $_->address } $server, $second));

	cmp_ok($batch->{statuses}{NOERROR} // 0, '>=', 999, 'two servers: all others succeed');
	cmp_ok($second->count(qr/^tcphalf\./), '>', 0, '... and the second one is asked for the one that is left');
}
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the session goes on');
is_deeply([ $session->inet_sockets ], [], '... and has no socket left');
done_testing();

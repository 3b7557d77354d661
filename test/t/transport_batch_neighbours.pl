# Odd answers to some questions of a batch do not disturb the others: answers after forged
# ones, and answers that must come over TCP.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# No answer in this test takes that long.
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '10s'");
my $session = Session->new($node);

sub batch
{
	return Batch->run($server, $session, @_);
}

# One of $each names has one of these labels, the others are sound.
sub one_of
{
	my ($each, @labels) = @_;
	my $list = join ',', @labels;

	return sprintf q{CASE WHEN g %% %d = 0 THEN ('{%s}'::text[])[g / %d %% %d + 1] ELSE 'sound' END},
	  $each, $list, $each, scalar @labels;
}

# ---- Forged answers

my @forged = qw(wrongid wrongname wrongtype wrongclass wrongopcode noquestion reflect wrongport wrongaddr garbage
  twice cookiewrong);

foreach my $way ('udp', 'tcp')
{
	my $batch = batch(one_of(10, @forged), 2000, Session::way($way));
	$batch->all_succeed(2000, "1 of 10 forged, $way");
	cmp_ok(scalar @{ $batch->{queries} }, '<=', 2000 * 1.05, '... asked once');

	my ($names) = Batch->names(one_of(2, @forged), 1000);
	is($session->text(Session::set_way($way) . "; SELECT rdata, count(*) FROM dns_query_many($names) GROUP BY rdata; RESET pgcares.tcp"),
		'192.0.2.1|1000', "every second forged, $way: only right answers are taken");
}

# ---- Some over TCP

foreach my $label ('tc', 'tcpartial', 'big90')
{
	my $batch = batch(one_of(10, $label), 2000);
	my @tcp = grep { $_->{transport} eq 'tcp' } @{ $batch->{queries} };

	$batch->all_succeed(2000, "1 of 10 truncated, $label");
	is(scalar @tcp, 200, '... these are asked over TCP');
	is(scalar(grep { $_->{name} !~ /^$label\./ } @tcp), 0, '... and only these');
	cmp_ok(@{ $batch->{queries} } - @tcp, '<=', 2000 * 1.05, '... and all over UDP once');
	is($batch->{stats}{tcp_queries}, 200, '... the counter shows it');
}

# ---- All over TCP

foreach my $way ('tcp', 'tcp, keep_open')
{
	my $batch = batch(q{'delay100'}, 3000, Session::way($way), max_in_flight => 1000);

	$batch->all_succeed(3000, $way);
	$batch->asked_once(3000, $way);
	cmp_ok($batch->most_at_once(0.1), '<=', 1000, "$way: 1000 at a time at most");
	cmp_ok($batch->most_at_once(0.1), '>', 100, "... and not much fewer for long");
	is(scalar(grep { $_->{transport} ne 'tcp' } @{ $batch->{queries} }), 0, '... over TCP');
	cmp_ok($batch->ports, '<=', 3, '... over few connections');
}

is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the session goes on');
is_deeply([ $session->inet_sockets ], [], '... and has no socket left');
done_testing();

# A server that spoils a connection because of one question does not disturb the others on
# it: it ends the connection, sends a wrong length, sends octets one by one or without
# meaning, or falls silent. All others get their answers before the deadline, and cost no more
# queries than pgcares.tries.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use List::Util qw(max);
use Time::HiRes qw(time);
use Batch;
use Descriptors;
use NameServer;
use Session;

# Seconds that a busy machine can add to a deadline
use constant SLACK => 1;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '3s'", 'pgcares.tries = 2', "pgcares.max_timeout = '1min'");
my $session = Session->new($node);

# The status of the question that spoils the connection, if it is not answered
my %faults = (
	tcptwice => 'NOERROR', tcpthrice => 'NOERROR', tcpreorder => 'NOERROR', tcpgarbage => 'NOERROR', tcplen0 => 'NOERROR',
	tcclose => 'UNREACHABLE', tcreset => 'UNREACHABLE', tcplong => 'UNREACHABLE', tcphalf => 'UNREACHABLE',
	tcpmore => 'MALFORMED|TIMEOUT', tcpless => 'MALFORMED',
	tcprubbish => 'TIMEOUT', tcphang => 'TIMEOUT', tcpslow1000 => 'TIMEOUT', tcpsilent => 'TIMEOUT');

# $count names; one of $each has one of these labels.
sub names
{
	my ($count, $each, $others, @labels) = @_;
	my $list = join ',', @labels;
	my ($names) = Batch->names("CASE WHEN g % $each = $each / 2 THEN ('{$list}'::text[])[g / $each % ${\scalar @labels} + 1] ELSE $others END",
		$count);

	return $names;
}

sub outcome_is_right
{
	my ($result, $count, $what) = @_;
	my ($total, @wrong) = (0);

	is(Session::sqlstate_of($result), '00000', "$what: no error");
	foreach my $row (@{ $result->{rows} })
	{
		my ($label, $status, $number) = @$row;
		my $expected = $faults{$label} // 'NOERROR';

		push @wrong, "$label: $number $status" if $status !~ /^(?:$expected)$/;
		$total += $number;
	}
	is_deeply(\@wrong, [], '... and all have their own outcome');
	is($total, $count, '... and none is lost');
}

sub run
{
	my ($names, $count, $what) = @_;
	my $start = time;
	my $result = $session->query(
		"SELECT split_part(question, '.', 1), status, count(DISTINCT ord) FROM dns_query_many($names) GROUP BY 1, 2");

	outcome_is_right($result, $count, $what);
	note(sprintf '%s: %.2f s', $what, $result->{time} - $start);
	return $result;
}

# ---- All over TCP

my @faults = sort keys %faults;
my $count = $ENV{PGCARES_DEEP} ? 1000 : 300;

# names that time out take long; they are all together in a batch below
$session->text('SET pgcares.tcp = on');
foreach my $fault (grep { $ENV{PGCARES_DEEP} || $faults{$_} !~ /TIMEOUT/ } @faults)
{
	foreach my $each ($ENV{PGCARES_DEEP} ? (300, 50, 10) : 100)
	{
		run(names($count, $each, q{'sound'}, $fault), $count, "$fault, 1 of $each");
	}
}
foreach (1 .. ($ENV{PGCARES_DEEP} ? 10 : 1))
{
	run(names($count, 10, q{'delay5'}, @faults), $count, 'all kinds, 1 of 10');
	run(names($count, 3, q{'sound'}, qw(tcclose tcreset tcphalf tcplong)), $count, '1 of 3 ends the connection');
}

# ---- A name costs no more than its tries. The one that ends the connection is asked alone at last.

foreach my $tries (2, 4)
{
	foreach my $fault (qw(tcclose tcreset tcphalf tcplong))
	{
		my $batch = Batch->run($server, $session, "CASE WHEN g % 100 = 50 THEN '$fault' ELSE 'sound' END", $count, tcp => 'on', tries => $tries);
		my $most = max(values %{ $batch->{times} });

		is_deeply($batch->{statuses}, { NOERROR => $count - $count / 100, UNREACHABLE => $count / 100 }, "$fault, $tries tries: the outcomes");
		cmp_ok($most, '<=', $tries, '... no name was asked more often');
		cmp_ok($batch->{stats}{queries}, '<=', $tries * $count, '... nor counted more queries');
	}
}

# ---- Some over TCP, since they are truncated

$session->text('SET pgcares.tcp = off');
foreach my $fault (grep { /close|reset|half|less|twice|reorder/ } @faults)
{
	foreach (1 .. ($ENV{PGCARES_DEEP} ? 10 : 2))
	{
		my $names = names(1000, 100, q{CASE WHEN g % 10 = 0 THEN 'tc' ELSE 'sound' END}, $fault);

		$server->forget;
		run($names, 1000, "$fault among those that are truncated");
		cmp_ok($server->count(qr/^sound\./), '<=', 900, '... and those over UDP are asked once');
	}
}

# ---- Rows with look-ahead

$session->text('SET pgcares.tcp = on');
{
	my $names = names($count, 20, q{'sound'}, qw(tcclose tcphalf tcpless tcphang));
	my $result = $session->query("SELECT split_part(n, '.', 1), CASE WHEN ttl IS NULL THEN 'none' ELSE 'NOERROR' END, count(DISTINCT n) "
		  . "FROM unnest($names) n LEFT JOIN LATERAL dns_a(n, 'ignore') ON true WHERE n LIKE 'sound%' OR ttl IS NULL GROUP BY 1, 2");

	outcome_is_right({ %$result, rows => [ grep { $_->[0] eq 'sound' } @{ $result->{rows} } ] },
		$count - $count / 20, 'a join');
}

# ---- If one server ends the connection because of a question, another one is asked

{
	my $second = NameServer->misbehaving;
	my $names = names($count, 50, q{'sound'}, 'tcphalf');

	$session->text('SET pgcares.servers = ' . join ', ', map { "'" . $_->address . "'" } $server, $second);
	run($names, $count, 'two servers');
	cmp_ok($second->count(qr/^tcphalf\./), '>', 0, '... and the second one is asked for the rest');
	$session->text('RESET pgcares.servers');
}

# ---- The deadline, a cancel, and few descriptors

{
	my $names = names(1000, 10, q{'sound'}, qw(tcphang tcpslow1000 tcpsilent tcclose));
	my $start = time;
	my $result = $session->query("SET pgcares.deadline = '2s'; SELECT count(DISTINCT ord) FROM dns_query_many($names)");

	is_deeply($result->{rows}, [ [1000] ], 'a deadline: all have a row');
	Session::costs_less($result->{time} - $start, 2 + SLACK, '... in time');
	$session->text('RESET pgcares.deadline');
	is(Session::sqlstate_of($session->query("SET statement_timeout = '1500ms'; SELECT count(*) FROM dns_query_many($names)")),
		'57014', 'cancelled in between');
	$session->text('RESET statement_timeout');
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
}
SKIP:
{
	my $few = Session->cluster([$server], 'max_files_per_process = 120', 'max_connections = 100', 'pgcares.tcp = on',
		"pgcares.timeout = '2s'");
	my $other = Session->new($few);
	my $reason = Descriptors->missing($other);
	skip $reason, 1 if $reason;

	my $descriptors = Descriptors->new($few, $other);
	my $names = names(300, 20, q{'sound'}, qw(tcclose tcphalf));
	foreach my $left (0 .. 6, 12)
	{
		$descriptors->take($left);
		my $result = $other->query("SELECT count(DISTINCT ord) FILTER (WHERE question LIKE 'sound%' AND status = 'NOERROR'), "
			  . "count(DISTINCT ord) FROM dns_query_many($names)");
		my $rows = join ' ', Session::sqlstate_of($result), map { @$_ } @{ $result->{rows} };

		like($rows, $left >= 6 ? qr/^00000 285 300$/ : qr/^(?:00000 285 300|53000)$/, "descriptors left: $left");
		$descriptors->give;
		is_deeply([ $other->inet_sockets ], [], '... no socket is left');
	}
}

$session->text('RESET ALL');
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the session goes on');
is_deeply([ $session->inet_sockets ], [], '... and has no socket left');
done_testing();

# Many sessions ask one name server with its usual buffers at the same time, with batches
# and LATERAL in turn: every statement ends, no answer is wrong, and no name is lost that
# has tries left. The number of lost queries is printed. With shared memory, the sessions
# have one pace, and lose next to none although they and the server wait for processors.
# Once: no version of PostgreSQL changes this.
# Alone: eight sessions take all processor time.

use strict;
use warnings;
use IO::Select;
use List::Util qw(max sum0);
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

# Sessions, names of each in a round, rounds
my @runs = ([ 8, 20_000, 4 ], $ENV{PGCARES_DEEP} ? [ 100, 2000, 2 ] : ());

# As configured; seconds for a statement
use constant { TRIES => 4, LIMIT => $ENV{PGCARES_WATCHED} ? 600 : 120 };

my $knot = NameServer->knot;
my @lines = ("pgcares.timeout = '2s'", 'max_connections = 120', 'pgcares.tries = ' . TRIES);
my %nodes = (
	apart => Session->cluster([$knot], @lines),
	together => Session->cluster([$knot], "shared_preload_libraries = 'pgcares'", @lines));
my %again;

# Made-up names of a session and their addresses, which differ between sessions
my $questions = q{(SELECT i, format('ip-10-%s-%s-%s.dyn.example', SESSION, i / 250 %% 250, i %% 250) AS n,
	format('10.%s.%s.%s', SESSION, i / 250 %% 250, i %% 250) AS a FROM generate_series(1, NAMES) i) q} =~ s/%%/%/gr;

# Each returns the number of names with the right answer, that with a wrong one, and the
# number of queries for each of the others.
my %statement = (
	batch => qq{WITH r AS (SELECT m.*, q.a FROM dns_message_many(ARRAY(SELECT n FROM $questions ORDER BY i), 'A') m JOIN $questions ON q.i = m.ord)
		SELECT count(*) FILTER (WHERE status = 'NOERROR' AND (answer[1]).rdata = a), count(*) FILTER (WHERE status = 'NOERROR' AND (answer[1]).rdata <> a),
			array_agg(tries) FILTER (WHERE status <> 'NOERROR'), array_agg(DISTINCT status) FILTER (WHERE status <> 'NOERROR') FROM r},
	LATERAL => qq{SELECT count(*) FILTER (WHERE host(address) = a), count(*) FILTER (WHERE host(address) <> a), NULL, NULL
		FROM $questions LEFT JOIN LATERAL dns_a(n, 'warning') ON true});

# Datagrams that found the receive buffer of a socket full, on the whole host
sub dropped
{
	my ($names, $values) = map { [split] } grep { /^Udp:/ } split /\n/, slurp_file('/proc/net/snmp');
	my %udp;

	@udp{@$names} = @$values;
	return $udp{RcvbufErrors};
}

sub stats
{
	my ($session) = @_;
	return map { split /\|/ } split /\n/, $session->text('SELECT counter, value FROM dns_stats()');
}

foreach my $run (map { my $run = $_; map { [ $_, @$run ] } sort keys %nodes } @runs)
{
	my ($kind, $sessions, $names, $rounds) = @$run;
	my @sessions = map { Session->new($nodes{$kind}, options => sprintf '-c statement_timeout=%ds', LIMIT) } 1 .. $sessions;

	foreach my $round (1 .. $rounds)
	{
		my $what = "round $round of $sessions sessions, $kind";
		my $start = time;
		my $dropped = dropped();
		my %before = map { my %s = stats($_); $_ => \%s } @sessions;

		foreach my $number (0 .. $#sessions)
		{
			my $way = ($number + $round) % 2 ? 'batch' : 'LATERAL';
			$sessions[$number]->send($statement{$way} =~ s/SESSION/$number/gr =~ s/NAMES/$names/gr);
		}
		my @results = map { $_->result } @sessions;
		my $seconds = max(map { $_->{time} } @results) - $start;

		is(join(' ', grep { $_ ne '00000' } map { Session::sqlstate_of($_) } @results), '', "$what: every statement ends without an error");
		is(sum0(map { $_->{rows}[0][1] // 0 } @results), 0, '... no answer is wrong');

		# lost names have been asked as often as allowed
		my @queries = map { (($_->{rows}[0][2] // '') =~ /(\d+)/g, map { ($_->{D} // '') =~ /^(\d+) quer/ ? $1 : 0 } @{ $_->{notices} }) } @results;
		my $lost = $sessions * $names - sum0(map { $_->{rows}[0][0] // 0 } @results);
		is(scalar @queries, $lost, '... a name is found, or its loss is reported');
		is(scalar(grep { $_ < TRIES } @queries), 0, '... and no name is lost that has tries left');
		my %sum;
		foreach my $session (@sessions)
		{
			my %after = stats($session);
			$sum{$_} += $after{$_} - $before{$session}{$_} foreach keys %after;
		}
		push @{ $again{"$sessions $kind"} }, ($sum{queries} - $sum{questions}) / ($sessions * $names);
		note(sprintf '%s: %.1f s, %d names a second, %.3f queries a name, %d sent again, %d dropped, %d lost (%s)', $what, $seconds,
			$sessions * $names / $seconds, $sum{queries} / $sum{questions}, $sum{resends}, dropped() - $dropped, $lost,
			join ' ', map { $_->{rows}[0][3] // () } @results);
	}
	is_deeply([ map { $_->inet_sockets } @sessions ], [], "$sessions sessions: no socket is left");
	$_->close foreach @sessions;
}
foreach my $run (@runs)
{
	my ($sessions, undef, $rounds) = @$run;
	my %share = map { my $kind = $_; $kind => sum0(@{ $again{"$sessions $kind"} }) / $rounds } 'apart', 'together';
	# something else can take the processors for long: the worst round does not count
	my (undef, @others) = sort { $b <=> $a } @{ $again{"$sessions together"} };

	note(sprintf '%d sessions: sent again %.3f %% apart, %.3f %% together', $sessions, 100 * $share{apart}, 100 * $share{together});
	cmp_ok(sum0(@others) / @others, '<=', 0.005, "$sessions sessions with one pace send few queries again");
}
done_testing();

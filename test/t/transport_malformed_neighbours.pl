# A malformed answer of any kind fails one question, over UDP and TCP: all others of the
# call succeed, are asked once, and wait no longer.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(min sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# Sound names of the largest batches; the factor that malformed answers can add to the time
# of the others, and the seconds that a busy machine can add: less than a try
use constant { SOUND => $ENV{PGCARES_DEEP} ? 10000 : 4000, SLOWER => 2, SLACK => $ENV{PGCARES_DEEP} ? 0 : 5 };

# No answer in this test takes that long.
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '10s'");
my $session = Session->new($node);

# Malformed as a message; and by type, malformed as data
my @messages = qw(short counts loopptr fwdptr longname badlabel badlabel80 twoopt optlong twoq);
my %data = (
	A => [qw(a3 a8 rdshort rdlong rdempty)],
	AAAA => [qw(aaaa15 rdshort rdlong rdempty)],
	MX => [qw(mxshort rdshort rdlong)],
	SOA => [qw(soashort rdshort rdlong)],
	SRV => [qw(srvshort rdshort rdlong)],
	TXT => [qw(txtlen rdshort rdempty)],
	CAA => [qw(caalen rdempty)],
	NAPTR => [qw(rdshort rdlong)],
	HTTPS => [qw(rdshort rdlong rdempty)],
	LOC => [qw(rdshort rdlong rdempty)],
	NSEC => [qw(rdshort rdlong rdempty)]);

# Not malformed: meaningless datagrams before the answer, an answer that is only a header,
# octets behind the answer, and unusual but right answers
my %others = (garbage => 'NOERROR', headeronly => 'REFUSED', trailing => 'NOERROR', nameall => 'NOERROR', caaempty => 'NOERROR', naptr255 => 'NOERROR',
	hinfo255 => 'NOERROR', txtall => 'NOERROR', urihigh => 'NOERROR');

# Names: $sound sound ones, and one of the labels after every $each of them
sub names
{
	my ($sound, $each, @labels) = @_;
	my ($names) = Batch->names(q{'sound'}, $sound);
	my $list = join ',', @labels;
	my ($poison) = Batch->names("('{$list}'::text[])[g % ${\scalar @labels} + 1]", @labels ? int $sound / $each : 0);

	return "ARRAY(SELECT n FROM (SELECT n, o FROM unnest($names) WITH ORDINALITY u (n, o) UNION ALL "
	  . "SELECT n, o * $each FROM unnest($poison) WITH ORDINALITY u (n, o)) q ORDER BY o, n)";
}

# Asks for these; returns the seconds, and the number of names by label and status.
sub run
{
	my ($names, $type) = @_;
	$server->forget;
	$session->text("CREATE TEMP TABLE IF NOT EXISTS names (n text[]); TRUNCATE names; INSERT INTO names SELECT $names");
	my $start = Time::HiRes::time();
	my $result = $session->query(
		"SELECT split_part(question, '.', 1), status, count(DISTINCT ord) FROM names, dns_query_many(n, '$type') GROUP BY 1, 2");
	my $seconds = $result->{time} - $start;
	my %outcome;

	is(Session::sqlstate_of($result), '00000', "$type: no error");
	$outcome{ $_->[0] }{ $_->[1] } += $_->[2] foreach @{ $result->{rows} };
	return ($seconds, \%outcome);
}

sub is_isolated
{
	my ($outcome, $sound, $poison, $what) = @_;
	my @wrong;

	foreach my $label (sort keys %$outcome)
	{
		my $expected = $label eq 'sound' ? 'NOERROR' : $others{$label} // 'MALFORMED';
		push @wrong, map { "$label: $outcome->{$label}{$_} $_" } grep { $_ ne $expected } sort keys %{ $outcome->{$label} };
	}
	is_deeply(\@wrong, [], "$what: each has its own outcome");
	is($outcome->{sound}{NOERROR}, $sound, '... and all sound names succeed');
	is(sum0(map { values %{ $outcome->{$_} } } grep { $_ ne 'sound' } keys %$outcome), $poison, '... and nothing is lost');
	my @queries = grep { $_->{name} =~ /^sound\./ } $server->log;
	cmp_ok(scalar @queries, '<=', 1.1 * $sound, "... in ${\scalar @queries} queries") or diag(by_connection(@queries));
}

# The queries of each connection or socket, with the time of the first and the last one
sub by_connection
{
	my %of;

	push @{ $of{"$_->{transport} $_->{sport}"} }, $_->{time} foreach @_;
	return join "\n", map { sprintf '%s: %d queries in %.3f to %.3f', $_, scalar @{ $of{$_} }, $of{$_}[0], $of{$_}[-1] } sort keys %of;
}

# ---- Many sound names, and a tenth of others

foreach my $way ('udp', 'tcp')
{
	my $clean = names(SOUND, 1);
	my $poisoned = names(SOUND, 10, @messages, @{ $data{A} }, qw(garbage headeronly trailing));
	my (@clean, @poisoned, $outcome);

	$session->text(Session::set_way($way));
	foreach (1 .. ($ENV{PGCARES_WATCHED} ? 1 : 3))
	{
		push @clean, (run($clean, 'A'))[0];
		(my $seconds, $outcome) = run($poisoned, 'A');
		push @poisoned, $seconds;
		is_isolated($outcome, SOUND, SOUND / 10, "A, $way");
	}
	note(sprintf '%s: %s', $way, join ', ', map { sprintf '%.2f s', $_ } @clean, @poisoned);
	Session::costs_less(min(@poisoned), SLOWER * min(@clean) + SLACK, "A, $way: hardly slower");
}

# ---- Data of other types

foreach my $type (sort keys %data)
{
	my @right = grep { /^\Q${\lc $type}\E/ } keys %others;

	foreach my $way ('udp', 'tcp')
	{
		$session->text(Session::set_way($way));
		my (undef, $outcome) = run(names(500, 5, @{ $data{$type} }, @messages, @right), $type);
		is_isolated($outcome, 500, 100, "$type, $way");
	}
}

$session->text('RESET ALL');
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the session goes on');
is_deeply([ $session->inet_sockets ], [], '... and has no socket left');
done_testing();

# Property: for any octets, dns_parse() and dns_message_json() both give a result, or
# these are not a message: the one raises NDA10 and the other gives NULL.
#
# The octets are sound messages of many kinds, changed at random: bits, octets,
# lengths, parts cut out or doubled. The seed is printed; with PGCARES_TEST_SEED,
# another run has the same octets.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

use constant { MESSAGES => 20000, AT_ONCE => 500 };

my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");

my $knot = NameServer->knot;
my $server = NameServer->misbehaving;
my $node = Session->cluster([$knot], "pgcares.timeout = '1s'", 'pgcares.tries = 2');
my $session = Session->new($node);
my $pid = $session->pid;

# The messages to change: every type of the test zone, and some that no real server sends
my @names = qw(a aaaa alias caa cert dhcid dname dnskey ds eui48 hinfo hip https ipseckey key loc mx naptr nsec nsec3 null
  openpgpkey ptr rrsig smimea soa srv sshfp svcb tlsa txt txt-many type65280 uri zonemd);
my @types = qw(A AAAA APL CAA CERT DNAME DS HINFO HTTPS LOC MX NAPTR NSEC NSEC3 NS PTR RRSIG SOA SRV SSHFP SVCB TLSA TXT URI);
my @labels = qw(ede nsid noquestion naptr255 txtall cname16 dname twocname headeronly rcode4095);
my @messages = split /\n/, $session->text(
	join ' UNION ', (map { <<"SQL" } @names), (map { <<"SQL" } @types), map { <<"SQL" } @labels);
SELECT encode(wire, 'hex') FROM dns_message('$_.all.example', 'ANY') WHERE wire IS NOT NULL
SQL
SELECT encode(wire, 'hex') FROM dns_message_at('${\$server->address}', 'sound.example', '$_') WHERE wire IS NOT NULL
UNION SELECT encode(wire, 'hex') FROM dns_message_at('${\$server->address}', 'cname3.example', '$_') WHERE wire IS NOT NULL
SQL
SELECT encode(wire, 'hex') FROM dns_message_at('${\$server->address}', '$_.example', 'TXT') WHERE wire IS NOT NULL
SQL
cmp_ok(scalar @messages, '>', 40, 'there are ' . @messages . ' messages to change');
is($session->text('SELECT count(status) FROM unnest(' . array(map { pack 'H*', $_ } @messages) . ') AS m, dns_parse(m)'),
	scalar @messages, 'all of them can be read');

# An array of octets in SQL
sub array
{
	return 'ARRAY[' . join(', ', map { "'\\x" . unpack('H*', $_) . "'" } @_) . ']::bytea[]';
}

sub random_octets
{
	my ($count) = @_;
	return join '', map { chr int rand 256 } 1 .. $count;
}

# Numbers that are limits of something
my @limits = ("\0", "\xff", "\x3f", "\x40", "\xc0", "\xc0\x0c", "\0\0", "\xff\xff", "\0\1", "\x80\0");

# Each changes some octets of a message
my @changes = (
	sub { substr($_[0], int rand length $_[0], 1) = random_octets(1) },
	sub { substr($_[0], int rand length $_[0], 1) ^= chr(1 << int rand 8) },
	sub { my $limit = $limits[ rand @limits ]; substr($_[0], int rand length $_[0], length $limit) = $limit },
	sub { substr($_[0], int rand 12, 1) = chr int rand 4 },
	sub { $_[0] = substr($_[0], 0, int rand length $_[0]) },
	sub { $_[0] .= random_octets(1 + int rand 20) },
	sub { substr($_[0], int rand length $_[0], int rand 8) = '' },
	sub { my $at = int rand length $_[0]; substr($_[0], $at, 0) = substr($_[0], $at, int rand 40) });

sub changed
{
	my $message = pack('H*', $messages[ rand @messages ]);

	foreach (1 .. 1 + int rand 3)
	{
		$changes[ rand @changes ]->($message) if length $message > 12;
	}
	return $message;
}

# The SQLSTATE of each function, and the number of characters that both return: to
# count them, the whole result is built.
$session->text(<<'SQL');
CREATE FUNCTION read_both(octets bytea, OUT parsed text, OUT as_json text, OUT size bigint)
LANGUAGE plpgsql AS $$
BEGIN
	size := 0;
	BEGIN
		SELECT size + length(to_jsonb(p)::text) INTO STRICT size FROM dns_parse(octets) AS p;
		parsed := '00000';
	EXCEPTION WHEN OTHERS THEN
		parsed := SQLSTATE;
	END;
	BEGIN
		as_json := coalesce(left('00000', length(dns_message_json(octets)::text)), 'NULL');
	EXCEPTION WHEN OTHERS THEN
		as_json := SQLSTATE;
	END;
END
$$
SQL

# Octets behind a message are ignored; one that is cut short is none.
my %changed = (
	'an octet more' => [ '00000|00000', map { pack('H*', $_) . "\0" } @messages ],
	'an octet less' => [ 'NDA10|NULL', map { substr(pack('H*', $_), 0, -1) } @messages ]);
foreach my $what (sort keys %changed)
{
	my ($expected, @octets) = @{ $changed{$what} };

	is($session->text('SELECT DISTINCT parsed, as_json FROM unnest(' . array(@octets) . ') AS m, read_both(m)'),
		$expected, "$what: the same for all of them");
}

my %states;
for (my $done = 0; $done < MESSAGES; $done += AT_ONCE)
{
	my $octets = array(map { changed() } 1 .. AT_ONCE);
	my $result = $session->query(<<"SQL");
SELECT parsed || ' ' || as_json, count(*), min(octets::text)
FROM unnest($octets) AS octets, read_both(octets) GROUP BY 1
SQL
	if ($result->{error} || $result->{ended})
	{
		fail('a batch: ' . ($result->{error} ? $result->{error}{M} : 'the connection is lost'));
		last;
	}
	foreach my $row (@{ $result->{rows} })
	{
		my ($state, $count, $example) = @$row;

		$states{$state} += $count;
		diag("$state: $example") if $state !~ /^(00000 00000|NDA10 NULL)$/;
	}
}
is(join(', ', sort keys %states), '00000 00000, NDA10 NULL', 'octets are a message for both functions, or for neither');
cmp_ok($states{$_} // 0, '>', MESSAGES / 50, "... $_ often enough") foreach '00000 00000', 'NDA10 NULL';
is($session->text('SELECT pg_backend_pid()'), $pid, 'the backend survives');

done_testing();

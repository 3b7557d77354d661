# Property: an answer is kept as long as its TTLs, its SOA record (RFC 2308) and the settings
# allow, and no longer; every function shows the time that is left.
#
# ageing.c puts the clock forward by which answers age; all else of the server is as always.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;
use Time::HiRes qw(time);

my $folder = PostgreSQL::Test::Utils::tempdir;
my $seconds = "$folder/seconds";
system($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O1', '-o', "$folder/ageing.so", "$FindBin::RealBin/../system/ageing.c") == 0
  or BAIL_OUT('cannot build ageing.so');
append_to_file($seconds, pack('q', 0));

my $server = NameServer->misbehaving;
my $node;
{
	# A checker must come first.
	local $ENV{LD_PRELOAD} = join ' ', grep { defined && length } $ENV{LD_PRELOAD}, "$folder/ageing.so";
	local $ENV{AGEING} = $seconds;
	$node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", "pgcares.timeout = '200ms'", 'pgcares.tries = 1',
		'pgcares.cache = on');
}
my $session = Session->new($node);
my $serial = 0;
my $now = 0;

# Puts the clock forward.
sub later
{
	$now += shift;
	open my $file, '+<', $seconds or die "cannot open $seconds: $!\n";
	syswrite $file, pack('q', $now);
}

# Is this name asked for again?
sub asks
{
	my ($name) = @_;

	$server->forget;
	$session->text("SELECT FROM dns_query('$name', on_error => 'ignore')");
	return $server->count ? 'asks' : 'keeps';
}

# Each label with settings, and the seconds that the answer is kept. The clock goes on for
# up to LEEWAY more seconds meanwhile.
use constant LEEWAY => 3;
foreach (
	[ 'ttl1000', '', 1000 ],
	[ 'ttl604800', '', 86400, 'the longest time' ],
	[ 'ttl604800', 'SET pgcares.cache_max_ttl = 1000', 1000, '... another longest time' ],
	[ 'ttl10', 'SET pgcares.cache_max_ttl = 1000', 10, '... which is no shortest one' ],
	[ 'nxdomain', '', 60, 'the MINIMUM of the SOA record' ],
	[ 'nodata', '', 60 ],
	[ 'cnameother', '', 60, 'an alias of a name without records' ],
	[ 'soattl20', '', 20, 'the TTL of the SOA record' ],
	[ 'soaminimum30', '', 30 ],
	[ 'soaminimum7200', '', 3600, 'the longest time for what does not exist' ],
	[ 'soaminimum7200', 'SET pgcares.cache_max_negative_ttl = 100', 100, '... another one' ],
	[ 'ttl1000', 'SET pgcares.cache_max_negative_ttl = 100', 1000, '... which is none for records' ],
	[ 'rcode2', '', 5, 'a failure' ],
	[ 'rcode5', '', 5 ],
	[ 'rcode23', '', 5 ],
	[ 'referral', '', 5 ],
	[ 'cnameloop', '', 5 ],
	[ 'drop', '', 5 ])
{
	my ($label, $set, $kept, $what) = @$_;
	my $name = "$label.n" . ++$serial . '.example';

	$session->text("$set; SELECT FROM dns_query('$name', on_error => 'ignore')");
	later($kept - LEEWAY);
	is(asks($name), 'keeps', ($what // $label) . ": kept nearly $kept s");
	later(LEEWAY);
	is(asks($name), 'asks', '... and then no longer');
	$session->text('RESET ALL');
}

$session->text(q{SET pgcares.cache_max_negative_ttl = 0; SELECT FROM dns_query('nxdomain.never.example', on_error => 'ignore')});
is(asks('nxdomain.never.example'), 'asks', 'no time for what does not exist: not kept');
$session->text('RESET ALL');

# ---- The time that is left, in every row

foreach my $from (
	"dns_a('NAME')", "dns_query('NAME')", "dns_query('NAME', 'MX')", "dns_mx('NAME')", "dns_addresses('NAME', 4)", "dns_search('NAME')",
	"dns_getaddrinfo('NAME', family => 4)", "dns_query_many(ARRAY['NAME'])", "dns_addresses_many(ARRAY['NAME'], 4)",
	"dns_message('NAME'), unnest(answer)", "dns_message_many(ARRAY['NAME']), unnest(answer)",
	"dns_message('NAME') m, dns_parse(m.wire) p, unnest(p.answer)",
	"(SELECT 'NAME' AS n FROM generate_series(1, 3)) s, LATERAL dns_a(s.n)")
{
	my $sql = "SELECT DISTINCT ttl FROM $from" =~ s/NAME/'ttl1000.n' . ++$serial . '.example'/er;

	my $began = time;
	is($session->text($sql), '1000', "$from: the TTL");
	later(400);
	my $left = $session->text($sql);
	my $passed = time - $began;
	ok($left <= 600 && $left >= 599 - $passed, "... 400 s later: $left");
}
is($session->text(q{SELECT (dns_message_json('ttl1000.json.example') -> 'answerRRs' -> 0 ->> 'TTL')}), '1000', 'JSON: the TTL');
later(999 - LEEWAY);
cmp_ok($session->text(q{SELECT (dns_message_json('ttl1000.json.example') -> 'answerRRs' -> 0 ->> 'TTL')}), '<=', 1 + LEEWAY, '... later');

# Every section counts down, to 0 at least; what looks like a TTL in OPT stays.
{
	my $sql = q{SELECT status, rcode, edns_udp_size, (SELECT min(ttl) FROM unnest(authority)), (SELECT min(data->>'minimum') FROM unnest(authority)) FROM dns_message('soattl500.sections.example')};

	is($session->text($sql), 'NXDOMAIN|3|1232|500|7200', 'the authority section');
	later(100);
	like($session->text($sql), qr/^NXDOMAIN\|3\|1232\|(400|39\d)\|7200$/, '... later');
}
{
	my $sql = q{SELECT rcode, (SELECT min(ttl) FROM unnest(authority)) FROM dns_message('rcode23.opt.example')};
	is($session->text($sql), $session->text($sql), 'the rest of an RCODE, in OPT, stays');
	is($session->text($sql =~ s/,.*?\) FROM d/ FROM d/r), '23', '... as it is');
}

# The list tells the time that is left, and nothing of what is over.
$session->text(q{SELECT dns_cache_flush(); SELECT FROM dns_query_many(ARRAY['ttl100.left.example', 'ttl200.left.example'])});
later(50);
like($session->text('SELECT seconds_left FROM dns_cache ORDER BY question'), qr/^(50|4\d)\n(150|14\d)$/, 'the list');
later(100);
like($session->text('SELECT question, seconds_left FROM dns_cache'), qr/^ttl200\.left\.example\|(50|4\d)$/, '... without what is over');
is($session->text('SELECT dns_cache_flush()'), '1', '... nor is that counted when all is forgotten');

# An answer that took long has aged.
$session->text("SET pgcares.timeout = '10s'");
$session->text(q{SELECT FROM dns_a('delay1200.ttl100.slow.example')});
cmp_ok($session->text(q{SELECT ttl FROM dns_a('delay1200.ttl100.slow.example')}), '<=', 99, 'the time that an answer took counts');
$session->text(q{SELECT FROM dns_a('delay1200.ttl1.slow.example')});
is(asks('delay1200.ttl1.slow.example'), 'asks', '... and it can be too old to be kept');

done_testing();

# Property: no answer is remembered, and no function shows a TTL that the answer does not
# have.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $session = Session->new($node);

# ---- Two calls ask twice, also for names that do not exist (there is no cache)

foreach my $call (
	q{dns_a('NAME', on_error => 'ignore')},
	q{dns_query('NAME', on_error => 'ignore')},
	q{dns_addresses('NAME', 4, on_error => 'ignore')},
	q{dns_message('NAME')},
	q{dns_query_many(ARRAY['NAME', 'NAME', 'NAME'])},
	q{dns_lookup_many(ARRAY['NAME', 'NAME'], 4)},
	q{dns_addresses_many(ARRAY['NAME', 'NAME'], 4)},
	q{dns_message_many(ARRAY['NAME', 'NAME'])})
{
	foreach my $label (qw(sound nxdomain nodata rcode2))
	{
		my $statement = "SELECT * FROM $call" =~ s/NAME/$label.cache.example/gr;

		$server->forget;
		$session->text($statement) foreach 1 .. 3;
		is($server->count, 3, "$call, $label: three calls ask three times");
	}
}

# Sections of a message are shown as they came: the negative TTL of RFC 2308 section 5
# is in the SOA record, if there is one.
is($session->text(q{SELECT status, s.ttl, s.data->>'minimum' FROM dns_message('nxdomain.example'), unnest(authority) s}),
	'NXDOMAIN|600|60', 'no such name: both TTLs of the zone');
is($session->text(q{SELECT status, cardinality(authority) FROM dns_message('nodatabare.example')}), 'NODATA|0',
	'an empty answer: no TTL is made up');

# ---- TTLs with the highest bit set count as 0 (RFC 2181 section 8), everywhere

foreach my $label (qw(ttlmax ttltop ttl0))
{
	my $name = "$label.example";

	foreach my $from (
		"dns_a('$name')", "dns_query('$name')", "dns_mx('$name')", "dns_addresses('$name', 4)", "dns_search('$name')",
		"dns_getaddrinfo('$name', family => 4)", "dns_query_many(ARRAY['$name'])", "dns_addresses_many(ARRAY['$name'], 4)",
		"dns_message('$name'), unnest(answer)", "dns_message_many(ARRAY['$name']), unnest(answer)")
	{
		is($session->text("SELECT DISTINCT ttl FROM $from"), '0', "$from: the TTL");
	}
}

done_testing();
